export declare function amazonCertificates(text: string): Record<string, { readonly rsa: string }>;
export declare function microsoftCertificates(
  page: string,
  files: readonly { readonly name: string; readonly bytes: Buffer }[],
  options: { readonly trusted: readonly string[]; readonly nowMs: number },
): { readonly roots: readonly string[]; readonly intermediates: readonly string[] };
