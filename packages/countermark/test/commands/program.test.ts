import { useCommandFolder } from './run-in-folder.ts'

const COMMANDS = [
  ...['init', 'keygen', 'curl', 'sign', 'explain', 'can-i', 'doctor', 'scan', 'routes', 'audit'],
  ...['dev', 'authority', 'tenant', 'person', 'role', 'agent', 'key', 'token', 'stop', 'approvals', 'review'],
]

describe('the command line', () => {
  const folder = useCommandFolder()

  it('lists its commands and exit codes', async () => {
    const { code, out } = await folder.run(['--help'])
    expect(code).toBe(0)
    expect(out).toContain('Exit codes: 0')
    expect(COMMANDS.filter((name) => !out.includes(`\n  ${name} `))).toEqual([])
  })

  it.each(COMMANDS)('shows examples of %s', async (name) => {
    const { code, out } = await folder.run([name, '--help'])
    expect(code).toBe(0)
    expect(out).toMatch(new RegExp(`Examples:\\n(?: .*\\n)*? {2}countermark ${name}\\b`))
  })

  it.each([
    ['a misspelt command', ['kegen'], 'Did you mean keygen?'],
    ['a misspelt option', ['keygen', 'a', '--outt', 'x'], 'Did you mean --out?'],
    ['a missing argument', ['curl'], "missing required argument 'url'"],
    ['a word that is none of those allowed', ['keygen', 'a', '--algorithm', 'rot13'], 'Allowed choices are ed25519'],
    ['no URL', ['curl', 'nowhere'], 'nowhere is no URL'],
  ])('exits with 2 after %s, and says what is meant', async (_case, args, sentence) => {
    const { code, out, err } = await folder.run(args)
    expect(err).toContain(sentence)
    expect(out).toBe('')
    expect(code).toBe(2)
  })

  it('passes the audit commands on', async () => {
    folder.write('empty.ndjson', '')
    const verified = await folder.run(['audit', 'verify', '--allow-empty', '--json', `${folder.path}/empty.ndjson`])
    expect(verified.code).toBe(0)
    expect(JSON.parse(verified.out)).toMatchObject({ records: 0 })
  })
})
