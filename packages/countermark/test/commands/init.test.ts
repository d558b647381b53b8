import { useCommandFolder } from './run-in-folder.ts'

describe('countermark init', () => {
  const folder = useCommandFolder()

  it('writes a key and a file of agents, and shows what to add', async () => {
    const { code, out } = await folder.run(['init'])
    expect(code).toBe(0)
    expect(folder.read('agent-key.pem')).toContain('PRIVATE KEY')
    expect(JSON.parse(folder.read('agents.json')).agents).toMatchObject([{ id: 'agt_first' }])
    expect(out).toContain("require('countermark/express')")
    expect(out).toContain("origins: ['http://localhost:3000']")
  })

  it.each([
    ['Koa', { dependencies: { koa: '3.3.0' } }, "require('countermark/koa')"],
    ['ES modules', { type: 'module', dependencies: { express: '5.3.0' } }, "from 'countermark/express'"],
  ])('finds %s in package.json', async (_case, manifest, line) => {
    folder.write('package.json', JSON.stringify(manifest))
    expect((await folder.run(['init'])).out).toContain(line)
  })

  it('takes what it is told', async () => {
    const args = ['--framework', 'koa', '--origin', 'https://api.example.com', '--agent', 'agt_7f2k9x', '--json']
    const { out } = await folder.run(['init', ...args])
    expect(JSON.parse(out)).toMatchObject({ framework: 'koa', origin: 'https://api.example.com', agent: 'agt_7f2k9x' })
  })

  it('keeps the private key out of git', async () => {
    folder.write('.gitignore', 'node_modules')
    await folder.run(['init'])
    expect(folder.read('.gitignore')).toBe('node_modules\nagent-key.pem\n')
  })

  it.each(['localhost:3000', 'http://localhost:3000/', 'api.example.com'])('refuses the origin %s', async (origin) => {
    const { code, err } = await folder.run(['init', '--origin', origin])
    expect(code).toBe(2)
    expect(err).toContain('an origin is scheme, host and port')
  })
})
