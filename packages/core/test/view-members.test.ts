import type { AgentView } from '../src/index.ts'
import { aGuard, aRequest, atOnce, nameAgent } from './guarding.ts'

function viewWith(view: Readonly<Record<string, (agent: AgentView) => unknown>>): object | undefined {
  const verdict = atOnce(aGuard([nameAgent()], { view })(aRequest()))
  return verdict.outcome === 'allow' ? verdict.agent : undefined
}

describe('members that a guard adds to views', () => {
  it('are made of the view that they become part of', () => {
    const view = viewWith({ shout: (agent) => () => agent.id.toUpperCase() })
    expect(view).toMatchObject({ shout: expect.any(Function) })
    expect((view as { shout: () => string }).shout()).toBe('AGT_BUYER')
  })

  it('are frozen with it', () => {
    expect(Object.isFrozen(viewWith({ shout: () => 'loud' }))).toBe(true)
  })

  it.each(['id', 'level', 'proof', 'covered', 'requestId'])('replace nothing that every view has: %s', (name) => {
    expect(() => aGuard([], { view: { [name]: () => 'other' } })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_INVALID', message: expect.stringContaining(name) }),
    )
  })

  it.each([[null], ['text'], [{ shout: 'loud' }]])('are functions by name: %j', (view) => {
    expect(() => aGuard([], { view: view as never })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })
})
