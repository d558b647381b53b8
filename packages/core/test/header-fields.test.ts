import { createHeaderFields } from '../src/index.ts'

const fields = createHeaderFields(['Host', 'a', 'X-Note', '1', 'x-note', '2', 'X-NOTE', '', ':path', '/'])

describe('header fields', () => {
  it('keep every line of a name, in order', () => {
    expect([fields.lines('x-note'), fields.lines('host'), fields.lines('absent')]).toEqual([['1', '2', ''], ['a'], []])
  })

  it('have an only value for exactly one line', () => {
    expect([fields.only('host'), fields.only('x-note'), fields.only('absent')]).toEqual(['a', undefined, undefined])
  })

  it('leave pseudo-header fields out, and out of the count', () => {
    expect([[...fields.names()], fields.has(':path'), fields.count]).toEqual([['host', 'x-note'], false, 4])
  })

  it.each(['__proto__', 'constructor', 'toString'])('know %s only when it was sent', (name) => {
    expect([fields.has(name), fields.lines(name), fields.only(name)]).toEqual([false, [], undefined])
    expect(createHeaderFields([name, 'x']).only(name.toLowerCase())).toBe('x')
  })
})
