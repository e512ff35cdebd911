/** A provider that cannot be built from its configuration. `key` is below `providers.<providerId>`. */
export class ProviderConfigError extends Error {
  override readonly name = 'ProviderConfigError';
  readonly key: string;

  constructor(key: string, message: string) {
    super(message);
    this.key = key;
  }
}
