import { useCommandFolder } from '../run-in-folder.ts'
import { enrol, useAuthority } from './use-authority.ts'

const folder = useCommandFolder()
const trails = () => ({ decisions: () => linesOf('door.ndjson') })
const used = useAuthority(folder, trails)
const { run, read } = used
const DAY_MS = 86_400_000
const ago = (days: number): string => new Date(Date.now() - days * DAY_MS).toISOString()

const linesOf = (file: string): readonly string[] => folder.read(file).split('\n')
const decision = (days: number, capabilities: readonly string[], more: object = {}) => ({
  record: {
    ...{ type: 'decision', at: ago(days), decision: 'allow', agent: { id: 'agt_a' }, action: { capabilities } },
    ...more,
  },
})
const writeTrail = (...records: readonly object[]): void =>
  folder.write('door.ndjson', `${records.map((record) => JSON.stringify(record)).join('\n')}\n`)
const review = (...more: readonly string[]) => run('review', '--tenant', 'acme', '--trail', 'door.ndjson', ...more)

beforeEach(() => enrol(used, folder, 'agt_a', 'orders:*', 'refunds:create'))

describe('review', () => {
  it('compares what was given with what the trails of doors show, and proposes what to cut', async () => {
    writeTrail(decision(100, []), decision(3, ['orders:read']), decision(2, ['orders:read']))
    const { code, out } = await review()
    expect(code).toBe(1)
    expect(out).toMatch(/used {4}orders:read {2}2 times/)
    expect(out).toContain('unused  refunds:create')
    expect(out).toContain('proposal: orders:*; countermark review … --cut agt_a')
  })

  it('cuts when it is told to, and then proposes nothing', async () => {
    writeTrail(decision(100, []), decision(3, ['orders:read']))
    expect((await review('--cut', 'agt_a')).out).toContain('cut: agt_a may now do orders:*')
    expect(await read('agent', 'show', 'agt_a')).toMatchObject({ ceiling: ['orders:*'] })
    expect(await review()).toMatchObject({ code: 0, out: expect.not.stringContaining('proposal') })
  })

  it('reads what the authority itself was given, without --trail', async () => {
    writeTrail(decision(100, []), decision(3, ['refunds:create']))
    const { reviews } = await read('review', '--tenant', 'acme')
    expect(reviews).toMatchObject([{ agent: 'agt_a', unused: ['orders:*'], proposal: { ceiling: ['refunds:create'] } }])
  })
})

describe('what must not count', () => {
  it.each([
    ['a request that was denied', { decision: 'deny' }],
    ['a request that would have been denied', { decision: 'observe' }],
    ['a request of another agent', { agent: { id: 'agt_b' } }],
    ['a request before the time that was asked for', { at: ago(91) }],
  ])('%s', async (_name, more) => {
    writeTrail(decision(100, []), decision(3, ['refunds:create'], more))
    expect((await read('review', '--tenant', 'acme', '--trail', 'door.ndjson')).reviews).toMatchObject([
      { unused: ['orders:*', 'refunds:create'] },
    ])
  })
})

describe('a trail that does not know everything', () => {
  it('cuts nothing where it begins too late, unless that is meant', async () => {
    writeTrail(decision(3, ['orders:read']))
    const { code, out, err } = await review('--cut', 'agt_a')
    expect(code).toBe(2)
    expect(out).toContain('what was used may be missing')
    expect(err).toContain('nothing was cut: the trail begins at')
    expect(await read('agent', 'show', 'agt_a')).toMatchObject({ ceiling: ['orders:*', 'refunds:create'] })
    expect(await review('--cut', 'agt_a', '--partial')).toMatchObject({ code: 0 })
  })

  it('cuts nothing where lines cannot be read', async () => {
    writeTrail(decision(100, []), decision(3, ['orders:read']))
    folder.write('door.ndjson', `${folder.read('door.ndjson')}{"record":{"type":"deci`)
    expect(await review('--cut', 'agt_a')).toMatchObject({
      code: 2,
      err: expect.stringContaining('1 lines that cannot be read'),
    })
  })

  it('is refused where a file is missing: everything in it would look unused', async () => {
    expect(await review()).toMatchObject({ code: 2, err: expect.stringContaining('door.ndjson cannot be read') })
  })

  it('is refused where nothing was recorded', async () => {
    folder.write('door.ndjson', '')
    expect(await review('--cut', 'agt_a')).toMatchObject({ code: 2, err: expect.stringContaining('holds no decision') })
  })
})

it('does not cut an agent of another tenant, or none', async () => {
  writeTrail(decision(100, []))
  expect(await review('--cut', 'agt_ops')).toMatchObject({ code: 2, err: expect.stringContaining('no agent agt_ops') })
  expect(await review('--days', '0')).toMatchObject({ code: 2 })
})
