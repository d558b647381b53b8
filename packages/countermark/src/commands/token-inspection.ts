import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type AgentFact,
  type Check,
  type Clock,
  defineCheck,
  importPublicKey,
  isRefusal,
  type ProofFact,
  type Refusal,
} from '@countermark/core'
import { isJsonObject, type JsonObject, parseStrictJson } from '@countermark/core/internal'
import { createNodeGuard } from '@countermark/core/node'
import { delegationPart } from '../parts-on-first-use.ts'
import { CommandError } from './errors.ts'
import { type ClaimInWords, sayClaims } from './token-claims.ts'

/** What a door would say of a token. */
export interface DoorVerdict {
  readonly audience: string
  readonly isAccepted: boolean
  readonly code?: string
  readonly reason?: string
  /** What the door would look at besides, and was taken for granted. */
  readonly assumed: readonly string[]
}

/** A token in words. */
export interface InspectedToken {
  readonly header: JsonObject
  readonly claims: readonly ClaimInWords[]
  /** `undefined`: it was not verified. */
  readonly door?: DoorVerdict
}

/** How a token is inspected. */
export interface InspectOptions {
  readonly clock: Clock
  readonly isOffline: boolean
  /** An issuer that may be asked by `http:` and at private addresses: the person has named it. */
  readonly trusted?: string
  readonly audience?: string
}

/**
 * Reads every claim; then lets a guard judge the token as a door would, with the issuer's keys and status list. The token says
 * whom to ask: others than the named authority are asked at public https addresses only.
 * @throws CommandError
 */
export async function inspectToken(text: string, options: InspectOptions): Promise<InspectedToken> {
  const [header, claims] = readParts(text)
  const read = { header, claims: sayClaims(claims, options.clock.wallMs()) }
  return options.isOffline ? read : { ...read, door: await askDoor(text, claims, options) }
}

const RULES = { maxDepth: 16, maxMembers: 1000 }

/** Links that agents hand on stand behind the token, after a `~`: the first part is what was issued. */
function readParts(text: string): readonly [header: JsonObject, claims: JsonObject] {
  const [issued = ''] = text.split('~', 1)
  const [header, claims] = issued.split('.').map((part) => {
    try {
      return parseStrictJson(Buffer.from(part, 'base64url'), RULES)
    } catch {
      return undefined
    }
  })
  if (isJsonObject(header) && isJsonObject(claims)) return [header, claims]
  throw new CommandError('this is no JWT', 'an opaque token can only be asked about at its issuer (RFC 7662)')
}

async function askDoor(
  text: string,
  claims: JsonObject,
  { clock, trusted, audience }: InspectOptions,
): Promise<DoorVerdict> {
  const { iss, aud } = claims
  const [named] = [aud].flat()
  const door = audience ?? (typeof named === 'string' ? named : '')
  if (typeof iss !== 'string' || door === '') {
    const reason = 'the token names no issuer, or no service that it is for'
    return { audience: door, isAccepted: false, code: 'token_invalid', reason, assumed: [] }
  }
  if (iss !== trusted && !iss.startsWith('https://')) {
    const reason = `no door believes ${iss}, which is no https address; where it is your own authority, name it: --authority`
    return { audience: door, isAccepted: false, code: 'token_invalid', reason, assumed: [] }
  }
  const { verifyDelegation, countermarkAuthority } = delegationPart()
  const http = iss === trusted ? { allowHttp: true, allowPrivateAddresses: true, ports: 'any' as const } : {}
  const check = verifyDelegation({
    ...{ issuers: [countermarkAuthority(iss, { http })], audience: door, httpSignatureForJkt: true, requirePoP: false },
  })
  const signer = signerOf(claims)
  const refusal = await judge(text, signer === undefined ? [check] : [assumeSigned(signer, clock), check], clock)
  const verdict = { audience: door, assumed: assumptionsOf(signer) }
  return refusal === undefined
    ? { ...verdict, isAccepted: true }
    : { ...verdict, isAccepted: false, code: refusal.code, reason: refusal.message }
}

interface Signer {
  readonly agentId: string
  readonly thumbprint: string
}

/** Who would have to sign; `undefined` for a token that is bound to no key. */
function signerOf({ act, client_id: client, sub, cnf }: JsonObject): Signer | undefined {
  const agentId = isJsonObject(act) ? act['sub'] : (client ?? sub)
  const thumbprint = isJsonObject(cnf) ? thumbprintOf(cnf) : undefined
  return typeof agentId === 'string' && thumbprint !== undefined ? { agentId, thumbprint } : undefined
}

function thumbprintOf({ jkt, kid, jwk }: JsonObject): string | undefined {
  try {
    if (isJsonObject(jwk)) return importPublicKey({ ...jwk }).thumbprint
  } catch (error) {
    if (!isRefusal(error)) throw error
    return undefined // the guard says what is wrong with it
  }
  return [jkt, kid].find((value) => typeof value === 'string')
}

function assumptionsOf(signer: Signer | undefined): readonly string[] {
  if (signer === undefined) return ['taken for granted: the door takes tokens that are bound to no key']
  return [
    `taken for granted: ${signer.agentId} signs the request with the key ${signer.thumbprint}, or proves that it has it`,
    'a door with a registry also asks whether that agent is active and the key its own',
  ]
}

/** Says what `verifySignature` says once the agent has signed: everything behind it is judged in earnest. */
function assumeSigned({ agentId, thumbprint }: Signer, clock: Clock): Check {
  const facts = (): { readonly agent: AgentFact; readonly proof: ProofFact } => {
    const created = Math.floor(clock.wallMs() / 1000)
    return {
      agent: { id: agentId, level: 'signed', scheme: 'httpsig', record: { id: agentId, state: 'active' } },
      proof: {
        ...{
          scheme: 'httpsig',
          keyId: thumbprint,
          thumbprint,
          algorithm: 'ed25519',
          created,
          acceptUntil: created + 60,
        },
        ...{ nonce: undefined, baseHash: '', label: undefined, tag: undefined, covers: () => true },
        signed: { base: new Uint8Array(), signature: new Uint8Array() },
      },
    }
  }
  return defineCheck({ name: 'assumeSigned', needs: [], adds: ['agent', 'proof'] }, facts) as Check
}

/** The guard judges messages of node:http: one comes from this process itself. */
async function judge(token: string, checks: readonly Check[], clock: Clock): Promise<Refusal | undefined> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const node = createNodeGuard({ origins: [origin], clock, development: true, sourceLimit: 'off' })
  const guard = node.compose({}, checks)
  try {
    return await new Promise<Refusal | undefined>((resolve, reject) => {
      server.once('request', (message, response) => {
        const route = () => ({ template: undefined, parameters: {} })
        Promise.resolve(node.judge(guard, { message, originalUrl: '/', route }))
          .then((verdict) => resolve(verdict.outcome === 'allow' ? undefined : verdict.refusal), reject)
          .finally(() => response.end())
      })
      fetch(origin, { headers: { authorization: `Bearer ${token}` } }).catch(reject)
    })
  } finally {
    server.closeAllConnections()
    server.close()
  }
}
