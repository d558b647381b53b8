import { isAgentId, isKeyId } from '../src/internal.ts'

describe('an agent id', () => {
  it.each([
    'agt_7f2k9x',
    'agent-code-reviewer-01',
    'CustomerSupportAgent-v2.3',
    'did:web:example.com',
    'a@b/c',
    'a'.repeat(128),
  ])('may be %s', (id) => expect(isAgentId(id)).toBe(true))

  it.each([
    '',
    'a'.repeat(129),
    'caf\u00e9',
    'a\u009b',
    '-agent',
    '../x',
    'a b',
    'a\n',
    'a\u0000',
    '<script>',
    '"];allow',
  ])('may not be %j', (id) => expect(isAgentId(id)).toBe(false))
})

describe('a key id', () => {
  it.each(['k', '../../dev/null', "' OR 1=1--", '__proto__', 'x'.repeat(256)])('may be %s: it is only compared', (id) =>
    expect(isKeyId(id)).toBe(true),
  )

  it.each(['', 'x'.repeat(257), '\u0000', 'a\n', '\u00e9'])('may not be %j', (id) => expect(isKeyId(id)).toBe(false))
})
