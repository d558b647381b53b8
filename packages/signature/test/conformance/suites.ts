import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentKey } from '@countermark/core'
import { simpleHeaders } from '../../src/simple/simple-headers.ts'
import { judgeAttack, strictHttpPolicy } from './attack-vectors.ts'
import { judgeRegistration, judgeSignatureBytes, judgeSpeccheck, notOffered } from './crypto-vectors.ts'
import { judgeDigest } from './digest-vectors.ts'
import { judgeBareRequest, judgeComponent, judgeMessage, judgeWebBotAuth } from './message-vectors.ts'
import { judgeParse, judgeSerialise } from './structured-field-vectors.ts'
import { type JudgeVector, type Suite, toAgentKey } from './vector.ts'

/** A file of vectors and who judges it. */
export interface JudgedSuite {
  readonly file: string
  readonly suite: Suite
  readonly judge: JudgeVector
}

/** The suites of a folder that concern this package, in a fixed order; empty when the folder is not there. */
export function readSuites(folder: string): readonly JudgedSuite[] {
  if (!existsSync(folder)) return []
  const judges: readonly (readonly [string, JudgeVector])[] = [
    ['http-signature/components.json', judgeComponent],
    ['http-signature/rfc9421-b2.json', judgeMessage(folder)],
    ['http-signature/rfc9421-b3-b4.json', judgeMessage(folder)],
    ['http-signature/blackbox-bare.json', judgeBareRequest],
    ['digest/rfc9530.json', judgeDigest],
    ['structured-fields/parse.json', judgeParse],
    ['structured-fields/serialise.json', judgeSerialise],
    ['crypto/ed25519-wycheproof.json', judgeSignatureBytes('ed25519')],
    ['crypto/ed25519-speccheck.json', judgeSpeccheck],
    ['crypto/ecdsa-p256-p1363-wycheproof.json', judgeSignatureBytes('ecdsa-p256-sha256')],
    ['crypto/rsa-pss-4096-sha512-wycheproof.json', judgeSignatureBytes('rsa-pss-sha512')],
    ['crypto/rsa-pss-2048-sha256-wycheproof.json', notOffered],
    ['crypto/key-registration.json', judgeRegistration],
    ['web-bot-auth/signed-requests.json', judgeWebBotAuth],
    ['attacks/http-signature.json', judgeAttack(() => [strictHttpPolicy])],
    ['attacks/simple-headers.json', judgeAttack(() => [simpleV0], toSimpleKey)],
  ]
  return judges.map(([file, judge]) => ({ file, judge, suite: JSON.parse(readFileSync(join(folder, file), 'utf8')) }))
}

/** The form that suite calls its own: the literal one, switched on by name for the routes it uses. */
const simpleV0 = simpleHeaders({ version: 0, futureSkewSeconds: 300, routes: ['POST /v1/orders'] })

function toSimpleKey(jwk: Parameters<typeof toAgentKey>[0], agentId: string): AgentKey {
  return { ...toAgentKey(jwk, agentId), schemes: ['simple-v0'] }
}
