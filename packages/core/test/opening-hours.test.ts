import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createGuardComposer, createGuardSettings } from '@countermark/core'
import { createGuardFactory, type Guard, isThenable, type Verdict } from '@countermark/core/internal'
import { aRequest, atOnce, codeOf, fieldOf, nameAgent, problemOf, thrownBy } from './guarding.ts'
import { OPENING_HOURS_REFUSALS, type OpeningHoursOptions, requireOpeningHours } from './opening-hours.ts'

const NINE_TO_FIVE = { fromHour: 9, toHour: 17 }

function guardAt(hour: number, minute = 0): Guard {
  const clock = { wallMs: () => Date.UTC(2026, 0, 1, hour, minute), monotonicMs: () => 0 }
  const settings = createGuardSettings({ origins: ['api.example.com'], refusals: OPENING_HOURS_REFUSALS, clock })
  const guard = createGuardFactory(createGuardComposer(settings), (composed: Guard) => composed)
  return guard(nameAgent(), requireOpeningHours(NINE_TO_FIVE))
}

describe('the check that the documentation tells to copy', () => {
  it('is this one, word for word', () => {
    const text = readFileSync(join(__dirname, '../../../docs/checks.md'), 'utf8')
    const [, example] = /^```ts\n([\s\S]*?)^```$/m.exec(text) ?? []
    expect(example).toBe(readFileSync(join(__dirname, 'opening-hours.ts'), 'utf8'))
  })

  it.each([
    [8, 59, 'outside_hours'],
    [9, 0, undefined],
    [16, 59, undefined],
    [17, 0, 'outside_hours'],
  ])('at %d:%d answers %p', (hour, minute, code) => {
    expect(codeOf(atOnce(guardAt(hour, minute)(aRequest())))).toBe(code)
  })

  it('says when to come back', () => {
    const verdict = atOnce(guardAt(20)(aRequest()))
    expect(problemOf(verdict)).toMatchObject({ status: 403, code: 'outside_hours', title: 'Closed at this hour' })
    expect(fieldOf(verdict, 'retry-after')).toEqual(['46800'])
  })

  it('shows handlers until when they are open', () => {
    const verdict = atOnce(guardAt(10)(aRequest()))
    expect(verdict).toMatchObject({ agent: { opening: { closesAtMs: Date.UTC(2026, 0, 1, 17) } } })
  })

  it('answers at once', () => {
    expect(isThenable<Verdict>(guardAt(10)(aRequest()))).toBe(false)
  })

  it.each([
    { fromHour: 17, toHour: 9 },
    { fromHour: -1, toHour: 9 },
    { fromHour: Number.NaN, toHour: 9 },
    { fromHour: 9 },
    { fromHour: 9, toHour: 17, zone: 'UTC' },
  ])('does not start with %j', (options) => {
    const error = thrownBy(() => requireOpeningHours(options as OpeningHoursOptions))
    expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_OPTION_/) })
  })
})
