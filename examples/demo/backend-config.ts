/** What a backend process is told. */
export interface BackendConfig {
  readonly port: number
  /** Every process of a service answers for all of its origins. */
  readonly origins: readonly string[]
  readonly registryUrl: string
  readonly redisPort: number | undefined
  /** PKCS#8 PEM of the key with which the backend signs its responses. */
  readonly responseKey: string
}

/** Reads the configuration that {@link ./processes.ts} hands over. */
export function readBackendConfig(): BackendConfig {
  return JSON.parse(process.env['DEMO_BACKEND'] ?? '{}')
}
