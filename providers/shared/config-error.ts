import { readFileSync } from 'node:fs';

/** A provider that cannot be built from its configuration. `key` is below `providers.<providerId>`. */
export class ProviderConfigError extends Error {
  override readonly name = 'ProviderConfigError';
  readonly key: string;

  constructor(key: string, message: string) {
    super(message);
    this.key = key;
  }
}

/** The text of a file that the configuration names under `key`. Throws ProviderConfigError when it cannot be read. */
export function readConfigFile(key: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ProviderConfigError(key, `cannot read ${path} (${(error as NodeJS.ErrnoException).code})`);
  }
}
