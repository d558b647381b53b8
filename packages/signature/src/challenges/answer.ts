import { Misconfigured, Refusal } from '@countermark/core'
import { decodeBase64, isAgentId, then } from '@countermark/core/internal'
import { type SigningKey, signBytes } from '../signing-key.ts'

/** The answer to a challenge as it is sent. */
export interface ChallengeAnswer {
  readonly agent_id: string
  /** Base64 of the text that was handed out. */
  readonly message: string
  /** Base64 of the signature over that text. */
  readonly signature: string
}

/** What an agent answers with. */
export interface ChallengeToAnswer {
  readonly agentId: string
  readonly key: SigningKey
  /** The text that was handed out. */
  readonly message: string
  /** What the agent is willing to sign for: it signs nothing else. */
  readonly purpose: string
}

const MAX_BASE64 = 1024

/**
 * Answers a challenge, on the agent's side. At once when the key is at hand.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID` for a text that might be something else than a challenge
 */
export function answerMessageChallenge(challenge: ChallengeToAnswer): ChallengeAnswer | Promise<ChallengeAnswer> {
  const { agentId, key, message, purpose } = challenge
  if (!isChallengeMessage(message) || purposeOf(message) !== purpose) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'message must be a challenge for the stated purpose')
  }
  const bytes = Buffer.from(message, 'latin1')
  return then(signBytes(key, bytes), (signature) => ({
    agent_id: agentId,
    message: bytes.toString('base64'),
    signature: Buffer.from(signature).toString('base64'),
  }))
}

/**
 * Reads an answer: exactly three members.
 * @throws {@link Refusal} `request_malformed`, `signature_malformed`
 */
export function parseAnswer(
  answer: unknown,
): Pick<ChallengeToAnswer, 'agentId' | 'message'> & { signature: Uint8Array } {
  if (typeof answer !== 'object' || answer === null || Object.keys(answer).length !== 3) {
    throw new Refusal('request_malformed', 'an answer has the members agent_id, message and signature')
  }
  const { agent_id: agentId, message: text, signature: signed } = answer as Partial<Record<string, unknown>>
  if (typeof agentId !== 'string' || !isAgentId(agentId)) {
    throw new Refusal('request_malformed', 'agent_id must name an agent')
  }
  const message = bytesOf(text)?.toString('latin1')
  if (message === undefined || !isChallengeMessage(message)) {
    throw new Refusal('request_malformed', 'message must be the challenge in padded base64')
  }
  const signature = bytesOf(signed)
  if (signature !== undefined && signature.length > 0) return { agentId, message, signature }
  throw new Refusal('signature_malformed', 'signature must be padded base64')
}

function bytesOf(value: unknown): Buffer | undefined {
  return typeof value === 'string' && value.length <= MAX_BASE64 ? decodeBase64(value) : undefined
}

const PURPOSE = /^[a-z](?:[a-z0-9.-]{0,62}[a-z0-9])?$/
const MESSAGE = /^[a-z](?:[a-z0-9.-]{0,62}[a-z0-9])?:[A-Za-z0-9._-]{1,128}$/

/** Whether a word may say what a challenge is for, such as `approve-request`. */
export function isPurpose(text: string): boolean {
  return PURPOSE.test(text)
}

/**
 * Whether a text may be signed as an answer to a challenge, such as `approve-request:174325`. One line of a lower-case
 * word, a colon and a suffix: no RFC 9421 base (begins with a quotation mark), no `simple-v1` text and no action (ten
 * lines), no JOSE input (has no colon), and no `simple-v0` message (ends in ten digits).
 */
export function isChallengeMessage(text: string): boolean {
  return MESSAGE.test(text) && !/[0-9]{10}$/.test(text)
}

/** What a challenge message is for. */
export function purposeOf(message: string): string {
  return message.slice(0, message.indexOf(':'))
}
