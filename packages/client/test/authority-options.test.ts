import { thrownCode } from '../../../test/support/outcomes.ts'
import {
  type AuthorityAgentOptions,
  createAgentFetch,
  createAuthorityAgent,
  generateAgentKey,
  memoryIdentityStore,
} from '../src/index.ts'

const AUTHORITY = { url: 'https://authority.example.com', store: memoryIdentityStore() }
const right = { agentId: 'agt_1', origins: ['https://api.example.com'], authority: AUTHORITY }

function codeOf(options: object): string | undefined {
  return thrownCode(() => createAuthorityAgent({ ...right, ...options } as AuthorityAgentOptions))
}
const codeWith = (more: object): string | undefined => codeOf({ authority: { ...AUTHORITY, ...more } })

describe('an agent of an authority', () => {
  it('is an option of createAgentFetch, too', () => {
    expect(createAgentFetch(right)).toBeInstanceOf(Function)
  })

  it.each([
    ['a misspelt option', { orgins: [] }, 'ERR_OPTION_UNKNOWN'],
    ['no origins', { origins: [] }, 'ERR_OPTION_MISSING'],
    ['an agent id that no registry takes', { agentId: 'a b' }, 'ERR_OPTION_INVALID'],
    ['a key of its own', { key: generateAgentKey().privateKey }, 'ERR_OPTION_INVALID'],
    ['a clock that is none', { clock: {} }, 'ERR_OPTION_INVALID'],
  ])('is refused at once with %s', (_what, options, code) => {
    expect(codeOf(options)).toBe(code)
  })

  it.each([
    ['a misspelt option', { ulr: 'https://authority.example.com' }, 'ERR_OPTION_UNKNOWN'],
    ['no TLS', { url: 'http://authority.example.com' }, 'ERR_OPTION_INVALID'],
    ['a query', { url: 'https://authority.example.com/?a' }, 'ERR_OPTION_INVALID'],
    ['no store', { store: undefined }, 'ERR_OPTION_MISSING'],
    ['a store that is none', { store: {} }, 'ERR_OPTION_INVALID'],
    ['an empty code', { code: '' }, 'ERR_OPTION_INVALID'],
    ['approvals without a time', { approvals: {} }, 'ERR_OPTION_MISSING'],
    ['approvals that wait for days', { approvals: { waitSeconds: 86_401 } }, 'ERR_OPTION_MISSING'],
    ['a misspelt option of approvals', { approvals: { waitSeconds: 9, audiance: '' } }, 'ERR_OPTION_UNKNOWN'],
    ['a misspelt option of tokens', { tokens: { scope: ['orders:read'] } }, 'ERR_OPTION_UNKNOWN'],
    ['keys that are replaced all the time', { rotateAfterDays: 0 }, 'ERR_OPTION_INVALID'],
  ])('is refused at once with an authority of %s', (_what, more, code) => {
    expect(codeWith(more)).toBe(code)
  })

  it.each([
    ['token', { token: () => undefined }, { tokens: {} }],
    ['approve', { approve: async () => undefined }, { approvals: { waitSeconds: 9 } }],
  ])('has one source of what %s gives', (_what, options, more) => {
    expect(codeOf({ ...options, authority: { ...AUTHORITY, ...more } })).toBe('ERR_OPTION_INVALID')
  })

  it('gives tokens to others only where it is said which', async () => {
    const agent = createAuthorityAgent({ ...right, authority: { ...AUTHORITY, url: 'https://127.0.0.1:1' } })
    await expect(agent.token({ origin: 'https://api.example.com' })).rejects.toMatchObject({
      code: 'authority_unavailable',
    })
  })
})
