import { deflateSync } from 'node:zlib'
import { openStatusList } from '../src/revocation/status-list.ts'
import { type IssuerServer, LOOPBACK, useIssuerServers } from './issuer-server.ts'
import { createTokenCaller, type TokenCaller } from './token-call.ts'
import { createTestIssuer, type Members, NOW, type TestIssuer } from './token-issuer.ts'

const startIssuerServer = useIssuerServers()

function pack(bytes: readonly number[], bits = 1): Members {
  return { bits, lst: deflateSync(Buffer.from(bytes)).toString('base64url') }
}

interface Bench {
  readonly server: IssuerServer
  readonly issuer: TestIssuer
  readonly caller: TokenCaller
  /** Publishes a list. */
  readonly publish: (list: Members, claims?: Members, header?: Members) => Promise<void>
  readonly codeOf: (index: unknown, caller?: TokenCaller) => Promise<string>
}

async function createBench(changes: Members = {}): Promise<Bench> {
  const server = await startIssuerServer()
  const issuer = await createTestIssuer('EdDSA', server.origin)
  const uri = `${server.origin}/list`
  const caller = createTokenCaller([], { issuers: [issuer.options({ http: LOOPBACK, ...changes })] })
  return {
    server,
    issuer,
    caller,
    publish: async (list, claims = {}, header = {}) => {
      const payload = { iss: issuer.issuer, sub: uri, iat: NOW, status_list: list, ...claims }
      const token = await issuer.mintRaw(JSON.stringify(payload), { typ: 'statuslist+jwt', ...header })
      server.answers.set('/list', (_asked, response) => {
        response.writeHead(200, { 'content-type': 'application/statuslist+jwt' }).end(token)
      })
    },
    codeOf: async (index, asking = caller) =>
      asking.codeOf({ token: await issuer.mint({ status: { status_list: { idx: index, uri } } }) }),
  }
}

describe('a token with a status', () => {
  it('counts while the list says so, and no other status is good', async () => {
    const { publish, codeOf } = await createBench()
    await publish(pack([0b11_10_01_00], 2))
    expect(await codeOf(0)).toBe('accepted')
    expect([await codeOf(1), await codeOf(2), await codeOf(3)]).toEqual(Array(3).fill('token_revoked'))
  })

  it('beyond the end of the list is refused', async () => {
    const { publish, codeOf } = await createBench()
    await publish(pack([0]))
    expect(await codeOf(7)).toBe('accepted')
    expect(await codeOf(8)).toBe('token_revoked')
  })

  it('is looked up in a list that is fetched once, and renewed', async () => {
    const { server, publish, codeOf, caller } = await createBench()
    await publish(pack([0]))
    for (let index = 0; index < 5; index++) expect(await codeOf(index)).toBe('accepted')
    expect(server.asked).toHaveLength(1)
    await publish(pack([0b1]), { iat: NOW + 301 })
    caller.clock.advance(301_000)
    expect(await codeOf(0)).toBe('token_revoked')
  })

  it('cannot be told when the list cannot be had', async () => {
    const { codeOf } = await createBench()
    expect(await codeOf(0)).toBe('revocation_unavailable')
  })

  it.each<{ what: string; list?: Members; claims?: Members; header?: Members }>([
    { what: 'of another type', header: { typ: 'JWT' } },
    { what: 'for another URI', claims: { sub: 'https://auth.example.com/other' } },
    { what: 'of another issuer', claims: { iss: 'https://evil.example' } },
    { what: 'that has ended', claims: { exp: NOW } },
    { what: 'of tomorrow', claims: { iat: NOW + 3600 } },
    { what: 'without a time', claims: { iat: undefined } },
    { what: 'signed with an unknown key', header: { kid: 'unknown' } },
    { what: 'of three bits', list: pack([0], 3) },
    { what: 'that is no list', list: { bits: 1, lst: 'AAAA' } },
    { what: 'that grows beyond all', list: { bits: 1, lst: bomb() } },
  ])('is not looked up in a list $what', async ({ list = pack([0]), claims, header }) => {
    const { publish, codeOf } = await createBench()
    await publish(list, claims, header)
    expect(await codeOf(0)).toBe('revocation_unavailable')
  })

  it.each([-1, 0.5, '0', null, 2 ** 53])('must name an index: %j', async (index) => {
    const { publish, codeOf } = await createBench()
    await publish(pack([0]))
    expect(await codeOf(index)).toBe('token_invalid')
  })

  it('may be required, or ignored by name', async () => {
    const required = await createBench({ statusList: 'required' })
    expect(await required.caller.codeOf({ token: await required.issuer.mint() })).toBe('token_invalid')
    const ignored = await createBench({ statusList: 'ignored' })
    expect(await ignored.codeOf(0)).toBe('accepted')
    const odd = await required.issuer.mint({ status: { another_way: 1 } })
    expect(await required.caller.codeOf({ token: odd })).toBe('token_invalid')
  })

  it('is not believed past the end that the list gave itself', async () => {
    const { server, publish, codeOf, caller } = await createBench()
    await publish(pack([0]), { exp: NOW + 90 })
    expect(await codeOf(0)).toBe('accepted')
    server.answers.delete('/list')
    caller.clock.advance(91_000)
    expect(await codeOf(0)).toBe('revocation_unavailable')
  })
})

describe('an attacker', () => {
  const flood = async (bench: Bench, mint: (status: Members, index: number) => Promise<string>): Promise<string[]> => {
    const codes = new Set<string>()
    for (let index = 0; index < 500; index++) {
      const uri = `${bench.server.origin}/invented-${index}`
      const token = await mint({ status_list: { idx: index, uri } }, index)
      codes.add(await bench.caller.codeOf({ token, request: { remoteAddress: '203.0.113.7' } }))
    }
    return [...codes]
  }

  it('cannot have lists fetched by tokens without a signature that verifies', async () => {
    const bench = await createBench()
    await bench.publish(pack([0]))
    const forger = await createTestIssuer('EdDSA', bench.issuer.issuer)
    expect(await flood(bench, (status) => forger.mint({ status }))).toEqual(['token_invalid'])
    expect(bench.server.asked).toEqual([])
    expect(await bench.codeOf(0)).toBe('accepted')
  })

  it('cannot have lists fetched by tokens that are not its own', async () => {
    const bench = await createBench()
    await bench.publish(pack([0]))
    const cnf = { jkt: 'k'.repeat(43) }
    const codes = await flood(bench, (status, index) => bench.issuer.mint({ status, cnf, jti: `stolen-${index}` }))
    expect(codes).toEqual(['token_binding_mismatch'])
    expect(bench.server.asked).toEqual([])
    expect(await bench.codeOf(0)).toBe('accepted')
  })

  it('cannot use up the lists of others by tokens of lists that are not there', async () => {
    const bench = await createBench()
    await bench.publish(pack([0]))
    const codes = await flood(bench, (status, index) => bench.issuer.mint({ status, jti: `own-${index}` }))
    expect(codes).toEqual(['revocation_unavailable'])
    expect(await bench.codeOf(0)).toBe('accepted')
  })
})

describe('a list', () => {
  it.each([1, 2, 4, 8])('of %d bits begins in the lowest ones', async (bits) => {
    const list = await openStatusList(pack([1, 0x80], bits))
    const last = 16 / bits - 1
    expect([list.at(0), list.at(last), list.at(last + 1)]).toEqual([1, bits === 8 ? 0x80 : 2 ** (bits - 1), undefined])
  })
})

function bomb(): string {
  return deflateSync(Buffer.alloc(6 * 1024 * 1024)).toString('base64url')
}
