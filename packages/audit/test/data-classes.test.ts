import { aRequest } from '@countermark/testing'
import { dataClasses } from '../src/index.ts'

describe('classes of data by route', () => {
  const classOf = dataClasses({
    '/patients/:id/notes': 'notes',
    '/patients/*': 'phi',
    '/cards/:id': 'cardholder',
    '/': 'none',
  })

  it.each([
    ['/patients/7/notes', 'notes'],
    ['/patients/7', 'phi'],
    ['/patients', 'phi'],
    ['/patients/7/notes/1', 'phi'],
    ['/cards/7', 'cardholder'],
    ['/cards/7?full=1', 'cardholder'],
    ['/', 'none'],
    ['/cards', undefined],
    ['/cards/7/transactions', undefined],
    ['/orders/7', undefined],
  ])('%s is %s', (target, expected) => {
    expect(classOf(aRequest({ target }))).toBe(expected)
  })

  it.each(['/Patients/7/', '//patients//7', '/p%61tients/7', '/PATIENTS/7'])(
    '%s is what a router takes it for',
    (target) => {
      expect(classOf(aRequest({ target }))).toBe('phi')
    },
  )

  it('does not break on what cannot be decoded', () => {
    expect(classOf(aRequest({ target: '/patients/%zz' }))).toBe('phi')
  })

  it.each<[object]>([
    [{ 'patients/:id': 'phi' }],
    [{ '/patients/(a|b)': 'phi' }],
    [{ '/patients': 'PHI data' }],
    [{ '/a/*/b': 'x' }],
  ])('refuses %j', (classes) => {
    expect(() => dataClasses(classes as never)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })
})
