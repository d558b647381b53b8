import { createPublicKey } from 'node:crypto'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { fromFile } from '@countermark/keys'
import { createTestEnvironment } from '@countermark/testing'
import { useCommandFolder } from './run-in-folder.ts'

describe('countermark keygen', () => {
  const folder = useCommandFolder()

  it('writes a private key that only its owner reads', async () => {
    const { code, out } = await folder.run(['keygen', 'agt_7f2k9x'])
    expect(code).toBe(0)
    expect(statSync(join(folder.path, 'agent-key.pem')).mode & 0o777).toBe(0o600)
    expect(createPublicKey(folder.read('agent-key.pem')).asymmetricKeyType).toBe('ed25519')
    expect(out).not.toContain('PRIVATE KEY')
  })

  it('prints an entry that a file of agents takes as it stands', async () => {
    const { out } = await folder.run(['keygen', 'agt_7f2k9x', '--json'])
    const { entry } = JSON.parse(out)
    folder.write('agents.json', JSON.stringify({ agents: [entry] }))
    expect(await findKeys(entry.keys[0].id)).toMatchObject([{ agent: { id: 'agt_7f2k9x' } }])
  })

  it('adds agents and keys to a file of agents, and keeps what is there', async () => {
    folder.write('agents.json', JSON.stringify({ agents: [{ id: 'agt_old', keys: [], owner: 'jane@example.com' }] }))
    await folder.run(['keygen', 'agt_new', '--agents', 'agents.json', '--out', 'one.pem'])
    await folder.run([
      'keygen',
      'agt_new',
      '--agents',
      'agents.json',
      '--out',
      'two.pem',
      '--algorithm',
      'ecdsa-p256-sha256',
    ])
    const { agents } = JSON.parse(folder.read('agents.json'))
    expect(agents).toMatchObject([{ id: 'agt_old', owner: 'jane@example.com' }, { id: 'agt_new' }])
    expect(agents[1].keys.map(({ jwk }: { jwk: { crv: string } }) => jwk.crv)).toEqual(['Ed25519', 'P-256'])
  })

  it('writes over no key', async () => {
    await folder.run(['keygen', 'agt_7f2k9x'])
    const before = folder.read('agent-key.pem')
    const { code, err } = await folder.run(['keygen', 'agt_7f2k9x'])
    expect(code).toBe(2)
    expect(err).toContain('agent-key.pem exists already')
    expect(folder.read('agent-key.pem')).toBe(before)
  })

  it.each([
    ['no JSON', '{'],
    ['another document', '{"keys":[]}'],
  ])('refuses a file of agents that is %s', async (_case, content) => {
    folder.write('agents.json', content)
    const { code, err } = await folder.run(['keygen', 'agt_7f2k9x', '--agents', 'agents.json'])
    expect(code).toBe(2)
    expect(err).toContain('agents.json is no')
    expect(folder.read('agents.json')).toBe(content)
  })

  async function findKeys(keyId: string): Promise<unknown> {
    const keys = fromFile(join(folder.path, 'agents.json'))
    try {
      return await keys.findKeys({ keyId }, createTestEnvironment())
    } finally {
      await keys.close?.()
    }
  }
})
