import { addressPrefix, createRecent, type KeyCaller } from '@countermark/core/internal'

/** Which keys proved themselves lately, and from where. */
export interface ProvenSources {
  /** Whether anything is known of the key: a look-up, cheap enough for every request. */
  readonly knows: (thumbprint: string) => boolean
  /** Takes note of a signature that held. */
  readonly keep: (thumbprint: string, caller: KeyCaller | undefined) => void
  /** Whether the key proved itself lately from the network of this caller. */
  readonly has: (thumbprint: string, caller: KeyCaller | undefined) => boolean
}

/** Strangers cannot fill it: what does not verify is not kept. */
const LIMITS = { maxEntries: 20_000, maxCharacters: 2_000_000 } as const
/** Instances of one agent may call from several networks. */
const MAX_NETWORKS = 4

/** Remembers the last networks of each of the keys that were used last. */
export function createProvenSources(): ProvenSources {
  const sources = createRecent<string[]>(LIMITS)
  return {
    knows: (thumbprint) => sources.find(thumbprint) !== undefined,
    keep: (thumbprint, caller) => {
      const network = addressPrefix(caller?.remoteAddress)
      const networks = sources.find(thumbprint)
      if (networks === undefined) {
        sources.keep(thumbprint, [network])
        return
      }
      if (networks.includes(network)) return
      if (networks.length >= MAX_NETWORKS) networks.shift()
      networks.push(network)
    },
    has: (thumbprint, caller) => sources.find(thumbprint)?.includes(addressPrefix(caller?.remoteAddress)) ?? false,
  }
}
