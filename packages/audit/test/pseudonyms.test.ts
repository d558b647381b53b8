import { readFile } from 'node:fs/promises'
import { aRequest } from '@countermark/testing'
import { auditTrail, fileSink } from '../src/index.ts'
import type { SealedMembers } from '../src/record/chain.ts'
import { pseudonymOf } from '../src/record/record-rules.ts'
import { eraseSubject, fileStore } from '../src/verify.ts'
import { aDecision, type WrittenTrail, writeTrail } from './written-trail.ts'

const KEY = 'a secret of more than 16 bytes'
const ADDRESS = '192.0.2.7'

const trails: WrittenTrail[] = []
afterEach(() => Promise.all(trails.splice(0).map((trail) => trail.remove())))

async function written(pseudonyms: { readonly key: string; readonly values?: readonly ('address' | 'user')[] }) {
  const request = { ...aRequest({ target: '/orders/7' }), remoteAddress: ADDRESS }
  const { facts } = aDecision()
  const delegation = facts.delegation && { ...facts.delegation, priorActors: [{ id: 'user_17', issuer: undefined }] }
  const decision = (): object => ({ request, facts: { ...facts, ...(delegation && { delegation }) } })
  const trail = await writeTrail({ decisions: 2, decision, trail: { pseudonyms } })
  trails.push(trail)
  const records = trail.lines.map((line): SealedMembers => JSON.parse(line))
  return { ...trail, text: trail.lines.join('\n'), values: records[1]?.private ?? {} }
}

describe('pseudonyms', () => {
  it('stand for addresses and users, in chains of actors too, the same each time', async () => {
    const { text, values } = await written({ key: KEY })
    expect([text.includes('user_17'), text.includes(ADDRESS)]).toEqual([false, false])
    expect(values['user']?.value).toBe(pseudonymOf('user', 'user_17', KEY))
    expect(values['address']?.value).toBe(pseudonymOf('address', ADDRESS, KEY))
    expect(values['actors']?.value).toContain(pseudonymOf('user', 'user_17', KEY))
  })

  it('stand for one of them where that is asked for', async () => {
    const { values } = await written({ key: KEY, values: ['address'] })
    expect([values['user']?.value, values['address']?.value]).toEqual(['user_17', pseudonymOf('address', ADDRESS, KEY)])
  })

  it('stand in events as well', async () => {
    const { path } = await written({ key: KEY })
    const trail = auditTrail({ sinks: [fileSink({ path })], pseudonyms: { key: KEY } })
    await trail.event({ event: 'token_revoked', private: { user: 'user_17', address: ADDRESS } })
    await trail.close()
    expect(await readFile(path, 'utf8')).not.toMatch(/user_17|192\.0\.2\.7/)
  })

  it('are forgotten by whoever has the key', async () => {
    const { path } = await written({ key: KEY })
    const erased = (pseudonymKey: string) =>
      eraseSubject(fileStore([path]), { subject: 'user_17', pseudonymKey, record: async () => undefined })
    expect((await erased('another secret of 16 bytes')).records).toBe(0)
    expect((await erased(KEY)).records).toBe(2)
  })

  it.each([{}, { key: 'short' }, { key: KEY, values: ['agent'] }, { key: KEY, value: [] }])(
    'refuse %j',
    (pseudonyms) => {
      const start = (): unknown =>
        auditTrail({ sinks: [fileSink({ path: '/nowhere/audit.ndjson' })], pseudonyms: pseudonyms as never })
      expect(start).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_OPTION_/) }))
    },
  )
})

describe('an event of the application', () => {
  it('loses what is a credential by name or by kind', async () => {
    const { path } = await written({ key: KEY })
    const trail = auditTrail({ sinks: [fileSink({ path })] })
    const details = {
      tokenId: 'dlg_1',
      attempts: 3,
      request: { clientSecret: 'c4n4ry', headers: { cookie: ['c4n4ry'] }, url: 'https://x.example/?api_key=c4n4ry' },
    }
    await trail.event({ event: 'token_issued', details, private: { password: 'c4n4ry' } })
    await trail.close()
    const text = await readFile(path, 'utf8')
    expect(text).not.toContain('c4n4ry')
    expect(text).toContain('"attempts":3')
    expect(text).toContain('"tokenId":"dlg_1"')
  })
})
