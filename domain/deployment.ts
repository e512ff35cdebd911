/** This installation, as its database knows it since the first start. */
export interface Deployment {
  readonly deploymentId: string;
  /** 32 random bytes, base64url. Secret. */
  readonly deploymentKey: string;
  /** What the last process that served used; null before the first. */
  readonly taskQueuePrefix: string | null;
}
