import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JudgedSuite } from '../../../signature/test/conformance/suites.ts'
import type { JudgeVector } from '../../../signature/test/conformance/vector.ts'
import { judgeActors } from './delegation-vectors.ts'
import { judgeDpop, judgeUrl } from './dpop-vectors.ts'
import { judgeJws, judgeThumbprint } from './jose-vectors.ts'
import { judgeSpiffeId, judgeSvid } from './spiffe-vectors.ts'
import { judgeStatus } from './status-vectors.ts'
import { judgeTokenAttack } from './token-attack-vectors.ts'
import { judgeExtraction } from './transport-vectors.ts'

/** The suites of a folder that concern this package, in a fixed order; empty when the folder is not there. */
export function readTokenSuites(folder: string): readonly JudgedSuite[] {
  if (!existsSync(folder)) return []
  const judges: readonly (readonly [string, JudgeVector])[] = [
    ['jose/jws-wycheproof.json', judgeJws],
    ['jose/jwk-wycheproof.json', judgeJws],
    ['jose/jwt-crypto-wycheproof.json', judgeJws],
    ['jose/rfc7515-appendix-a.json', judgeJws],
    ['jose/rfc7520-cookbook.json', judgeJws],
    ['jose/thumbprints.json', judgeThumbprint],
    ['dpop/rfc9449.json', judgeDpop],
    ['dpop/htu-normalisation.json', judgeUrl],
    ['delegation/rfc8693.json', judgeActors],
    ['spiffe/spiffe-id.json', judgeSpiffeId],
    ['spiffe/jwt-svid.json', judgeSvid],
    ['status-list/token-status-list.json', judgeStatus],
    ['status-list/bitstring.json', () => ({ skip: 'lists of verifiable credentials are not offered' })],
    ['transport/bearer-extraction.json', judgeExtraction],
    ['attacks/delegation-jwt.json', judgeTokenAttack('delegation')],
    ['attacks/dpop.json', judgeTokenAttack('dpop')],
    ['attacks/signed-and-delegated.json', judgeTokenAttack('both')],
  ]
  return judges.map(([file, judge]) => ({ file, judge, suite: JSON.parse(readFileSync(join(folder, file), 'utf8')) }))
}
