import { isRefusal } from '@countermark/core'
import { isOutboundError } from '@countermark/outbound'
import { createFakeClock, createTestEnvironment } from '@countermark/testing'
import { compare, type JudgeVector, type Verdict } from '../../../signature/test/conformance/vector.ts'
import { parseKeySet } from '../../src/issuers/key-set.ts'
import { openStatusList, verifyStatusListToken } from '../../src/revocation/status-list.ts'

/** Lists and signed lists of draft-ietf-oauth-status-list. */
export const judgeStatus: JudgeVector = async ({ input, expected }): Promise<Verdict> => {
  if (input.status_list !== undefined) return judgeList(input.status_list, expected)
  const environment = createTestEnvironment({ clock: createFakeClock(input.clock * 1000) })
  const set = parseKeySet({ keys: [input.jwk] }, { algorithms: ['ES256'], allowTestKeys: true })
  const keys = { find: set.find, isFailing: () => false, close: () => undefined }
  const expectation = { issuer: 'https://example.com', keys, algorithms: ['ES256'], uri: input.uri } as const
  try {
    const { list } = await verifyStatusListToken(input.jwt, expectation, environment)
    return compare([undefined, expected.status], [expected.refuse, list.at(input.index)])
  } catch (error) {
    if (!isOutboundError(error) && !isRefusal(error)) throw error
    return compare(true, expected.refuse)
  }
}

async function judgeList(value: unknown, expected: Parameters<JudgeVector>[0]['expected']): Promise<Verdict> {
  const list = await openStatusList(value)
  const statuses = new Map<number, number>(expected.set)
  const others = expected.all_others === 0 ? [7, 100, 1_048_575].filter((index) => !statuses.has(index)) : []
  const wanted = [...statuses.values(), ...others.map(() => 0)]
  const read = [...statuses.keys(), ...others].map((index) => list.at(index))
  return compare([wanted, undefined], [read, list.at(expected.size ?? 1_048_576)])
}
