import { hash } from 'node:crypto'
import { type Clock, Misconfigured } from '@countermark/core'
import { custom, number, optionTable } from '@countermark/core/internal'
import { type DelegateOfflineOptions, delegateOffline, type LinkSigner } from '@countermark/delegation'
import { createKnownJoseSigner } from '../jose-signer.ts'
import { CLOCK } from '../option-readers.ts'
import { createSigningIdentity, IDENTITY_OPTIONS, type KeyAtHand, type KeyElsewhere } from '../signing-key.ts'
import { type AgentToken, requireAgentToken, TARGET, type TokenSource, type TokenTarget } from './agent-token.ts'
import { createRememberedTokens } from './remembered-tokens.ts'

/** To whom our tokens are handed on, and how far. */
export interface HandOnSettings
  extends Pick<DelegateOfflineOptions, 'from' | 'to' | 'scopes' | 'authorizationDetails' | 'maxDepth'> {
  /** Where our own tokens come from. They are bound to our key. */
  readonly token: TokenSource
  /** The services that it counts for, such as `(origin) => origin`. @default all of the token */
  readonly audience?: TokenTarget
  /** How long the receiver may use what it gets; never longer than our own token lives. Seconds. @default 300 */
  readonly lifetimeSeconds?: number
  /** @default the machine's clock */
  readonly clock?: Clock
}

/** Options of {@link handOn}. */
export type HandOnOptions = HandOnSettings & (KeyAtHand | KeyElsewhere)

const OPTIONS = optionTable('handOn', {
  token: custom((_name, source) => requireSource(source)),
  audience: TARGET,
  lifetimeSeconds: number({ min: 1, max: 86_400, default: 300 }),
  clock: CLOCK,
})

/** What `delegateOffline` and the identity read. */
const OTHERS = ['from', 'to', 'scopes', 'authorizationDetails', 'maxDepth', ...IDENTITY_OPTIONS]

/**
 * A source of tokens for another agent: ours, narrowed for it, without a request. For an agent beside us it is the
 * `token` of its fetch; for one elsewhere, send it what the source gives for an origin.
 * @example
 * const token = handOn({ token: ours, key, to: { agentId: 'agt_worker', key: workerJwk }, scopes: ['orders:read'], audience: (origin) => origin })
 * @throws Misconfigured
 */
export function handOn(options: HandOnOptions): TokenSource {
  const { token: source, audience: audienceFor, lifetimeSeconds, clock } = OPTIONS.read(options, '', OTHERS)
  const { to, scopes, from, authorizationDetails, maxDepth } = options
  const common = {
    ...{ key: linkSigner(options), to, scopes, lifetimeSeconds, clock },
    ...(from === undefined ? {} : { from }),
    ...(authorizationDetails === undefined ? {} : { authorizationDetails }),
    ...(maxDepth === undefined ? {} : { maxDepth }),
  }
  const narrow = async (ours: AgentToken, audience: readonly string[]): Promise<AgentToken> => {
    const until = Math.floor(clock.wallMs() / 1000) + lifetimeSeconds
    const value = await delegateOffline({
      ...common,
      token: ours.value,
      ...(audience.length === 0 ? {} : { audience }),
    })
    return { value, scheme: 'Bearer', expiresAt: Math.min(until, ours.expiresAt ?? until) }
  }
  const remembered = createRememberedTokens({ refreshBeforeSeconds: lifetimeSeconds, clock })
  return async ({ origin, refused }) => {
    const audience = audienceFor(origin)
    const give = (ours: AgentToken): Promise<AgentToken> => {
      const name = hash('sha256', JSON.stringify([ours.value, audience]), 'base64url')
      return remembered.find({ name, obtain: () => narrow(ours, audience), refused: undefined })
    }
    const ours = requireAgentToken(await source({ origin }))
    const given = await give(ours)
    // Made anew of the same token it would undo its revocation.
    if (given.value !== refused) return given
    return give(requireAgentToken(await source({ origin, refused: ours.value })))
  }
}

function requireSource(source: unknown): TokenSource {
  if (typeof source === 'function') return source as TokenSource
  throw new Misconfigured('ERR_OPTION_MISSING', 'token must be a source of our tokens')
}

function linkSigner(options: KeyAtHand | KeyElsewhere): LinkSigner {
  const { algorithm, thumbprint, sign } = createKnownJoseSigner(createSigningIdentity(options), 'handOn')
  if (algorithm === 'RS256')
    throw new Misconfigured('ERR_KEY_MATERIAL', 'tokens are not handed on with RSA of PKCS #1 v1.5')
  return { algorithm, thumbprint, sign }
}
