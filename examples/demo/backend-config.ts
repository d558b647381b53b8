/** What a backend process is told. */
export interface BackendConfig {
  /** Keeps what services remember apart, where they share a Redis. */
  readonly service: 'shop' | 'billing'
  readonly port: number
  /** Every process of a service answers for all of its origins. */
  readonly origins: readonly string[]
  /** Who the service is in tokens and tickets: their `aud`. */
  readonly audience: string
  readonly registryUrl: string
  /** The real authority, beside the hand-made issuer. */
  readonly authority: { readonly url: string; readonly doorToken: string }
  readonly issuer: { readonly url: string; readonly plainUrl: string }
  /** Who signs approval tickets, as the registry knows it. */
  readonly approver: string
  /** 32 bytes in base64url that the processes of a service share, so that each knows the others' DPoP nonces. */
  readonly nonceSecret: string
  readonly redisPort: number | undefined
  /** PKCS#8 PEM of the key with which the backend signs its responses. */
  readonly responseKey: string
  /** Where Prometheus comes; not the port of the service. */
  readonly metricsPort: number
  readonly audit: {
    readonly folder: string
    /** Where checkpoints go, out of reach of whoever can change the trail. */
    readonly anchorFolder: string
    /** PKCS#8 PEM of the key that signs checkpoints. */
    readonly checkpointKey: string
  }
}

/** Reads the configuration that {@link ./processes.ts} hands over. */
export function readBackendConfig(): BackendConfig {
  return JSON.parse(process.env['DEMO_BACKEND'] ?? '{}')
}
