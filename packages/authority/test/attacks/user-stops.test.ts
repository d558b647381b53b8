import { createTestAgent, type StartedServer, startServer, type TestAgent } from '@countermark/testing'
import { createTestIssuer } from '../../../delegation/test/token-issuer.ts'
import { type Answered, createCaller, createWorld, type World } from '../authority-world.ts'
import { whatBringsTokens, writeToken, writeWhatBringsTokens } from '../stop/write-token.ts'
import { describeStores, type StorePlace } from '../stores.ts'

const ISSUER = 'https://authority.test'
const LOGIN = 'https://login.example.com'

describeStores((createPlace) => {
  let place: StorePlace
  let world: World
  let server: StartedServer
  let call: ReturnType<typeof createCaller>
  let by: TestAgent

  beforeAll(async () => {
    place = await createPlace()
    const login = await createTestIssuer('EdDSA', LOGIN)
    const partner = await createTestIssuer('EdDSA', 'https://partner.example.com')
    const users = [
      { ...login.options(), subjectPrefix: 'corp#' },
      { ...partner.options(), subjectPrefix: 'partner#' },
    ]
    world = await createWorld(place.open(), {
      tokens: { issuer: ISSUER, services: [{ audience: 'https://api.test' }], trustedIssuers: { users } },
      people: { issuers: [login.options()], audience: ISSUER },
    })
    server = await startServer((req, res) => void world.authority.handle(req, res))
    call = createCaller(server.port)
    by = world.admin
    for (const tenant of ['acme', 'globex']) {
      await call('POST', '/tenants', { by, body: { id: tenant, name: tenant } })
      for (const id of ['jane', 'tom'])
        await call('POST', `/tenants/${tenant}/people`, { by, body: { id, name: id, ceiling: ['orders:*'] } })
      const agent = { tenant, name: 'A', purpose: 'p', owners: ['tom'], ceiling: ['orders:read'] }
      await call('POST', '/agents', { by, body: { ...agent, id: `agt_${tenant}` } })
    }
  }, 60_000)
  afterAll(async () => {
    await world.authority.close()
    await server.close()
    await world.close()
    await world.authority.store.close()
    await place.remove()
  })

  const livingTokens = async (): Promise<readonly string[]> => {
    const { reads } = world.authority.store.tables<{ tokens: { token_id: string; revoked_at: number | null } }>()
    const rows = await reads.selectFrom('tokens').select('token_id').where('revoked_at', 'is', null).execute()
    return rows.map(({ token_id: id }) => id).sort()
  }
  const stop = (target: object): Promise<Answered> => call('POST', '/stops', { by, body: { target, reason: 'lost' } })

  it('ends what speaks for a user by the name that the provider has for them', async () => {
    await writeToken(world, { tokenId: 'corp', agentId: 'agt_acme', subject: 'corp#mary' })
    await writeToken(world, { tokenId: 'partner', agentId: 'agt_acme', subject: 'partner#mary' })
    expect((await stop({ kind: 'user', subject: 'mary', issuer: LOGIN })).body).toMatchObject({ tokens: 1 })
    expect(await livingTokens()).toEqual(['partner'])
    expect((await stop({ kind: 'user', subject: 'mary' })).body).toMatchObject({ tokens: 1 })
    expect(await livingTokens()).toEqual([])
  })

  it('ends in one tenant what agents of that tenant do, by whatever name', async () => {
    await writeToken(world, { tokenId: 'here', agentId: 'agt_acme', subject: 'corp#mary' })
    await writeToken(world, { tokenId: 'there', agentId: 'agt_globex', subject: 'corp#mary' })
    const target = { kind: 'user', subject: 'mary', issuer: LOGIN, in: 'acme' }
    const preview = await call('POST', '/stops/preview', { by, body: { target } })
    expect([preview.body.tokens, (await stop(target)).body.tokens]).toEqual([1, 1])
    expect(await livingTokens()).toEqual(['there'])
    await stop({ kind: 'user', subject: 'corp#mary' })
  })

  it('ends what agents do for a person who leaves, and the roles that reach everywhere', async () => {
    for (const tenant of ['acme', '*'])
      await call('POST', '/roles', { by, body: { tenant, caller: 'person:jane', role: 'operator' } })
    await writeToken(world, { tokenId: 'mine', agentId: 'agt_acme', subject: 'corp#jane' })
    await writeToken(world, { tokenId: 'elsewhere', agentId: 'agt_globex', subject: 'corp#jane' })
    await writeWhatBringsTokens(world, { agentId: 'agt_acme', subject: 'corp#jane', familyId: 'family_acme' })
    await writeWhatBringsTokens(world, { agentId: 'agt_globex', subject: 'corp#jane', familyId: 'family_globex' })
    const { body } = await call('POST', '/tenants/acme/people/jane/departure', { by })
    expect(body).toMatchObject({ tokens: 1, rolesKept: [] })
    expect(await livingTokens()).toEqual(['elsewhere'])
    expect(await whatBringsTokens(world)).toEqual(['delegation family_globex', 'refresh family_globex'])
    const role = { tenant: '*', caller: 'person:jane', role: 'operator' }
    expect(await call('POST', '/roles/removal', { by, body: role })).toMatchObject({ status: 404 })
  })

  it('takes no role that reaches everywhere on the word of one tenant, and says which are left', async () => {
    const give = (tenant: string, caller: string, role: string) =>
      call('POST', '/roles', { by, body: { tenant, caller, role } })
    await give('*', 'person:tom', 'admin')
    const { signer } = await adminOf('globex')
    const { body } = await call('POST', '/tenants/globex/people/tom/departure', { by: signer })
    expect(body).toMatchObject({ rolesKept: ['admin'] })
  })

  async function adminOf(tenant: string): Promise<{ readonly signer: TestAgent }> {
    const id = `agt_admin_of_${tenant}`
    const agent = { tenant, id, name: id, purpose: 'p', owners: ['jane'], ceiling: [] }
    await call('POST', '/agents', { by, body: agent })
    const { body } = await call('POST', `/agents/${id}/enrolment-codes`, { by, body: {} })
    const signer = await createTestAgent({ agentId: id, clock: world.clock })
    await call('POST', '/enrolments', { by: signer, body: { code: body.code, key: signer.publicJwk } })
    await call('POST', '/roles', { by, body: { tenant, caller: `agent:${id}`, role: 'admin' } })
    return { signer }
  }
})
