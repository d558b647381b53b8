import { useCommandFolder } from '../run-in-folder.ts'
import { enrol, SERVICE, useAuthority } from './use-authority.ts'

const folder = useCommandFolder()
const used = useAuthority(folder)
const { run, read } = used
const asAgent = ['--agent', 'agt_a', '--key', 'agt_a.pem'] as const
const inspect = (token: string, ...more: readonly string[]) => run('token', 'inspect', token, ...more)

beforeEach(() => enrol(used, folder, 'agt_a', 'orders:*'))

const obtained = async (...more: readonly string[]): Promise<string> =>
  (await run('token', 'get', '--service', SERVICE, ...more, ...asAgent)).out.trim()

describe('token get and exchange', () => {
  it('write the token alone on standard output, or into a file of its owner', async () => {
    expect(await obtained('--scope', 'orders:read')).toMatch(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/)
    const { out, err } = await run('token', 'get', '--service', SERVICE, '--out', 'token.txt', ...asAgent)
    expect({ out, err }).toEqual({ out: '', err: 'token.txt: for 600 s, for orders:*\n' })
    expect(folder.read('token.txt')).toMatch(/^eyJ/)
  })

  it('narrow a token', async () => {
    folder.write('wide.txt', await obtained())
    const narrow = ['--subject-token', '@wide.txt', '--service', SERVICE, '--scope', 'orders:read'] as const
    expect(await read('token', 'exchange', ...narrow, ...asAgent)).toMatchObject({ scope: 'orders:read' })
  })

  it('say what the authority refused, and what to do', async () => {
    const { code, out } = await run('token', 'get', '--service', SERVICE, '--scope', 'accounts:close', ...asAgent)
    expect({ code, out }).toEqual({
      code: 1,
      out: expect.stringMatching(/^no: 400 invalid_scope: .*\n {2}what to do: ask for less/),
    })
  })
})

describe('token inspect', () => {
  it('says every claim in words, and that a door accepts it', async () => {
    const { code, out } = await inspect(await obtained('--scope', 'orders:read'))
    expect(code).toBe(0)
    expect(out).toContain(`issued by ${used.origin}`)
    expect(out).toContain('about agt_a, an agent that acts for itself')
    expect(out).toContain('allows orders:read')
    expect(out).toMatch(/^exp +ends \d+ (s|min) from now, /m)
    expect(out).toContain('counts only in requests that are signed with the key in it')
    expect(out).toContain(`a door of ${SERVICE} says: accepted`)
    expect(out).toContain('taken for granted: agt_a signs the request')
  })

  it('says that a door of another service refuses it', async () => {
    const { code, out } = await inspect(await obtained(), '--audience', 'https://other.example.com')
    expect({ code, out }).toEqual({ code: 1, out: expect.stringContaining('refused: token_audience:') })
  })

  it('says that it was stopped', async () => {
    const token = await obtained()
    const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    await run('stop', 'token', jti, '--reason', 'test', '--yes')
    expect((await inspect(token)).out).toContain('refused: token_revoked')
  })

  it('says that it was altered', async () => {
    const [header, payload = '', signature] = (await obtained('--scope', 'orders:read')).split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const wider = Buffer.from(JSON.stringify({ ...claims, scope: 'orders:*' })).toString('base64url')
    expect((await inspect([header, wider, signature].join('.'))).out).toContain('refused: token_invalid')
  })

  it('reads the claims alone where it must ask nothing', async () => {
    const { code, out } = await inspect(await obtained(), '--offline')
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining('not verified') })
  })

  it('does not go where a token sends it', async () => {
    const claims = { iss: 'http://127.0.0.1:9', sub: 'x', aud: SERVICE, iat: 1, exp: 2, jti: 'x' }
    const forged = [{ alg: 'EdDSA', typ: 'at+jwt', kid: 'k' }, claims].map((part) =>
      Buffer.from(JSON.stringify(part)).toString('base64url'),
    )
    const { code, out, err } = await inspect([...forged, 'AA'].join('.'))
    expect({ code, said: out + err }).toEqual({ code: 1, said: expect.stringContaining('refused') })
  })

  it.each(['opaque', 'a.b.c', ''])('says that %j is no JWT', async (text) => {
    expect(await inspect(`${text}`)).toMatchObject({ code: 2, err: expect.stringContaining('this is no JWT') })
  })

  it('shows what it does not know as it is, and cannot be made to steer the terminal', async () => {
    const claims = { iss: 'https://x.example', note: '\u001b[2J', exp: 'never', cnf: 7, toString: 1 }
    const text = ['{}', JSON.stringify(claims)].map((part) => Buffer.from(part).toString('base64url')).join('.')
    const { out } = await inspect(`${text}.AA`, '--offline')
    expect(out).toContain('toString')
    expect(out).toContain('which is no time')
    expect(out).not.toContain('\u001b')
  })
})
