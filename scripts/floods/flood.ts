import { randomBytes } from 'node:crypto'
import { Agent, type OutgoingHttpHeaders, request } from 'node:http'
import { AUTHORITY } from './guarded-process.ts'

/** One hostile request. */
export interface HostileRequest {
  readonly method?: 'GET' | 'POST'
  readonly headers: OutgoingHttpHeaders
  /** Sent piece by piece, or not at all. @default none */
  readonly write?: (send: (piece: Uint8Array) => void, end: () => void) => void
}

/** A flood under way. */
export interface Flood {
  /** Ends it, and says how many requests were sent. */
  readonly stop: () => number
}

const TICK_MS = 20
/** So many unanswered requests at once: a flood that outruns the machine would measure the machine. */
const MAX_OUTSTANDING = 1_000

/** Sends hostile requests at an even rate. */
export function startFlood(port: number, perSecond: number, make: () => HostileRequest): Flood {
  const agent = new Agent({ keepAlive: true, maxSockets: MAX_OUTSTANDING })
  let sent = 0
  let outstanding = 0
  let owed = 0
  const send = (): void => {
    const { method = 'GET', headers, write } = make()
    sent++
    outstanding++
    const outgoing = request({ host: '127.0.0.1', port, method, path: '/orders', agent, headers }, (response) => {
      response.resume()
    })
    outgoing.on('error', () => {})
    outgoing.on('close', () => outstanding--)
    if (write === undefined) outgoing.end()
    else
      write(
        (piece) => outgoing.write(piece),
        () => outgoing.end(),
      )
  }
  const timer = setInterval(() => {
    owed += (perSecond * TICK_MS) / 1_000
    for (; owed >= 1; owed--) if (outstanding < MAX_OUTSTANDING) send()
  }, TICK_MS)
  return {
    stop: () => {
      clearInterval(timer)
      agent.destroy()
      return sent
    },
  }
}

/** Where strangers come from, unless a course says otherwise. */
const STRANGERS = '203.0.113.7'

/** A signature in RFC 9421's form under a key id that nobody has. */
export function inventedKeyId(from: string = STRANGERS): HostileRequest {
  const now = Math.floor(Date.now() / 1000)
  const keyId = randomBytes(32).toString('base64url')
  const nonce = randomBytes(18).toString('base64url')
  const parameters = `created=${now};expires=${now + 60};nonce="${nonce}";keyid="${keyId}";tag="agent-auth"`
  return {
    headers: {
      ...{ host: AUTHORITY, 'x-forwarded-for': from, 'x-forwarded-proto': 'https' },
      'signature-input': `sig1=("@method" "@authority" "@path");${parameters}`,
      signature: `sig1=:${randomBytes(64).toString('base64')}:`,
    },
  }
}

/** The simple form in the name of an agent that nobody knows. */
export function inventedAgent(from: string = STRANGERS): HostileRequest {
  return {
    headers: {
      ...{ host: AUTHORITY, 'x-forwarded-for': from, 'x-forwarded-proto': 'https' },
      ...{ 'agent-id': `agt_${randomBytes(6).toString('hex')}`, 'agent-auth-version': '1' },
      timestamp: String(Math.floor(Date.now() / 1000)),
      nonce: randomBytes(18).toString('base64url'),
      signature: randomBytes(64).toString('base64'),
    },
  }
}

/** An agent and a key id that nobody knows: two look-ups each. */
export function inventedAgentAndKeyId(from: string = STRANGERS): HostileRequest {
  return { headers: { ...inventedAgent(from).headers, 'key-id': randomBytes(32).toString('base64url') } }
}
