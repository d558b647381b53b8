import type { AgentView, Facts } from '../src/index.ts'
import { aGuard, anAgent, aRequest, atOnce, describedAs, nameAgent, thrownBy } from './guarding.ts'

const MEMBERS = [
  ...['agent', 'capability', 'covered', 'delegation', 'freshness', 'id', 'keyId', 'level', 'proof', 'record'],
  ...['requestId', 'scheme', 'thumbprint'],
]

const COVERS = (component: string): boolean => component === '@method'

function viewOf(added: object = {}): AgentView {
  const verdict = atOnce(aGuard([nameAgent(), describedAs('add', [], () => added)])(aRequest()))
  if (verdict.outcome === 'deny' || verdict.agent === undefined) throw new Error('nobody is known')
  return verdict.agent
}

describe('what a handler sees of an agent', () => {
  it('has the same members for every request, and hands all of them on when it is spread', () => {
    const view = viewOf()
    expect([Object.keys(view).sort(), Object.keys({ ...view }).sort()]).toEqual([MEMBERS, MEMBERS])
    expect({ ...view }).toMatchObject({ ...anAgent(), agent: anAgent(), requestId: view.requestId })
  })

  it('says what the proof says', () => {
    const proof = { keyId: 'key-1', thumbprint: 'poqk', covers: COVERS } as unknown as Facts['proof']
    expect(viewOf({ proof })).toMatchObject({ keyId: 'key-1', thumbprint: 'poqk', proof, covered: COVERS })
    expect(viewOf().covered('@method')).toBe(false)
  })

  it('is written as JSON with all that JSON can say', () => {
    expect(JSON.parse(JSON.stringify(viewOf({ freshness: { store: 'memory' } })))).toEqual({
      ...anAgent(),
      agent: anAgent(),
      freshness: { store: 'memory' },
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
  })

  it('holds facts of other packages', () => {
    const view: object = viewOf({ opening: { closesAtMs: 1 } })
    expect([Object.keys(view).sort(), view]).toEqual([[...MEMBERS, 'opening'].sort(), expect.anything()])
    expect({ ...view }).toMatchObject({ opening: { closesAtMs: 1 } })
  })

  it('is who the agent is, whatever facts of other packages are called', () => {
    expect(viewOf({ id: 'agt_other', level: 'identified' })).toMatchObject({ id: 'agt_buyer', level: 'signed' })
  })

  it.each([
    ['changed', (view: object) => Object.assign(view, { id: 'agt_other' })],
    ['added to', (view: object) => Object.assign(view, { isAdmin: true })],
    ['cut', (view: object) => Reflect.deleteProperty(view, 'id') || Object.assign(view, { id: '' })],
    ['given another prototype', (view: object) => Object.setPrototypeOf(view, { isAdmin: true })],
    ['changed for all others', (view: object) => Object.assign(Object.getPrototypeOf(view), { isAdmin: true })],
  ])('cannot be %s', (_how, change) => {
    const view = viewOf({ opening: {} })
    expect([Object.isFrozen(view), thrownBy(() => change(view))]).toEqual([true, expect.any(TypeError)])
    expect([view.id, 'isAdmin' in view]).toEqual(['agt_buyer', false])
  })

  it('inherits nothing', () => {
    expect(['constructor' in viewOf(), 'toString' in viewOf()]).toEqual([false, false])
  })
})
