import { type AgentKey, isRefusal, Refusal, type SignatureVerifier } from '@countermark/core'
import {
  type AcceptanceWindow,
  acceptUntil,
  DEFAULT_ALGORITHMS,
  nodeVerifier,
  type SignatureAlgorithm,
} from '@countermark/core/internal'
import { requireUnrevoked, type SignerRevocations } from '../revocations.ts'
import { usableKeys } from '../verify-with-keys.ts'
import type { FieldType } from './component-values.ts'
import { createComponentLists, normaliseComponent } from './components.ts'
import {
  checkContentDigest,
  type OpenedSignature,
  openSignature,
  readPresentedSignatures,
  type SignatureInput,
  statedAlgorithm,
} from './fields.ts'
import type { SignableMessage } from './message.ts'
import { malformed } from './parse.ts'

/** What a signature that verifies must also say. */
export interface MessagePolicy extends Partial<AcceptanceWindow> {
  /** Components that must be covered, each exactly as named. */
  readonly components: readonly string[]
  /** @default 'optional' */
  readonly expires?: 'required' | 'optional'
  /** @default 'optional' */
  readonly nonce?: 'required' | 'optional'
}

/** How to verify a message by itself, without agents, replay or registry. */
export interface VerifyMessageOptions {
  /** Tried by key id when the signature states one, all in order when it does not; sixteen at most. */
  readonly keys: readonly AgentKey[]
  /** Unix milliseconds. */
  readonly nowMs: number
  /** `bare` is RFC 9421 alone: no age, no coverage. Never enough for a request that does something. */
  readonly policy: MessagePolicy | 'bare'
  /** Only the signature of this label. @default any */
  readonly label?: string
  /** Only signatures with this tag. @default any */
  readonly tag?: string
  /** The content as transferred: checked against `Content-Digest` when that is covered. @default not checked */
  readonly content?: Uint8Array
  /** @default DEFAULT_ALGORITHMS of core */
  readonly algorithms?: readonly SignatureAlgorithm[]
  /** @default nodeVerifier */
  readonly verifier?: SignatureVerifier
  /** Revoked agents and keys are refused. @default what the keys say */
  readonly revocations?: SignerRevocations
  /** Types of fields beyond the registered ones, for components marked `sf`. @default {} */
  readonly fieldTypes?: Readonly<Record<string, FieldType>>
}

/** A signature that holds. */
export interface VerifiedMessage extends SignatureInput {
  /** The key that verified it. */
  readonly key: AgentKey
  /** The text that was signed. */
  readonly base: string
}

/**
 * Verifies a request or a response (RFC 9421 section 3.2). With several signatures the first that holds counts; when none
 * does, the first one's refusal is thrown.
 * @throws Refusal
 */
export function verifyMessage(message: SignableMessage, options: VerifyMessageOptions): VerifiedMessage {
  const { label, tag, fieldTypes = {} } = options
  const findList = createComponentLists(new Map(Object.entries(fieldTypes)))
  let first: unknown
  for (const presented of readPresentedSignatures(message.headers)) {
    if (label !== undefined && presented.scanned.label !== label) continue
    if (tag !== undefined && presented.scanned.parameters.get('tag') !== tag) continue
    try {
      return verifyOne(message, openSignature(presented, findList), options)
    } catch (error) {
      if (!isRefusal(error)) throw error
      first ??= error
    }
  }
  throw first ?? new Refusal('credentials_missing', 'no signature has the expected label and tag')
}

function verifyOne(
  message: SignableMessage,
  { input, signature }: OpenedSignature,
  options: VerifyMessageOptions,
): VerifiedMessage {
  const { policy, nowMs, content, algorithms = DEFAULT_ALGORITHMS, verifier = nodeVerifier, revocations } = options
  const { list, parameters, text } = input
  if (policy !== 'bare') checkPolicy(input, policy, nowMs)
  const base = list.writeBase(message, text)
  const algorithm = statedAlgorithm(parameters, algorithms)
  const use = { scheme: undefined, query: {}, algorithm, algorithms }
  const data = Buffer.from(base, 'latin1')
  const keys = usableKeys(keysFor(parameters.keyid, options.keys), use, nowMs)
  const key = keys.find((each) => verifier.verify(each, data, signature) === true)
  if (key === undefined) throw new Refusal('signature_invalid', 'the signature does not verify')
  if (revocations !== undefined) {
    // What states no time may have been signed at any time.
    const { created = 0 } = parameters
    requireUnrevoked({ agentId: key.agent.id, thumbprint: key.thumbprint, created }, revocations)
  }
  if (content !== undefined && list.covers('content-digest')) {
    checkContentDigest(message.headers.lines('content-digest'), content)
  }
  return { ...input, key, base }
}

function checkPolicy({ list, parameters }: SignatureInput, policy: MessagePolicy, nowMs: number): void {
  const { components, toleranceSeconds = 300, futureSkewSeconds = 30, expires, nonce } = policy
  const { created } = parameters
  if (created === undefined) throw malformed('created is required')
  if (expires === 'required' && parameters.expires === undefined) throw malformed('expires is required')
  acceptUntil({ created, expires: parameters.expires }, { toleranceSeconds, futureSkewSeconds }, nowMs)
  if (nonce === 'required' && !parameters.nonce) throw new Refusal('nonce_missing', 'nonce is required')
  const missing = components.filter((component) => !list.covers(normaliseComponent(component)))
  if (missing.length === 0) return
  throw new Refusal('coverage_insufficient', `the signature must cover ${missing.join(' ')}`)
}

/** Web Bot Auth names keys by thumbprint, whatever a source calls them. */
function keysFor(keyid: string | undefined, keys: readonly AgentKey[]): readonly AgentKey[] {
  if (keyid === undefined) return keys
  const named = keys.filter((key) => key.keyId === keyid)
  return named.length > 0 ? named : keys.filter((key) => key.thumbprint === keyid)
}
