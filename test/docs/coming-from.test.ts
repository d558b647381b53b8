import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { countermark, fromFile } from 'countermark/express'
import express from 'express'
import { type CreateShop, compare } from '../../examples/coming-from/compare.ts'
import { createApp as expressJwtAfter } from '../../examples/coming-from/express-jwt/after.ts'
import { createApp as expressJwt } from '../../examples/coming-from/express-jwt/before.ts'
import { createApp as bearerAfter } from '../../examples/coming-from/express-oauth2-jwt-bearer/after.ts'
import { createApp as bearer } from '../../examples/coming-from/express-oauth2-jwt-bearer/before.ts'
import { createApp as koaJwtAfter } from '../../examples/coming-from/koa-jwt/after.ts'
import { createApp as koaJwt } from '../../examples/coming-from/koa-jwt/before.ts'

const ROOT = join(__dirname, '..', '..')
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

/** A program as a `diff` block of a page has it on one of its sides: lines of the other side left out. */
function sideOf(page: string, other: '+' | '-'): string {
  const block = /^```diff\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? ''
  const lines = block.split('\n').filter((line) => !line.startsWith(other))
  return lines.map((line) => line.slice(1)).join('\n')
}

/** The rows of the table whose head begins with `request`. */
function tableOf(page: string): readonly (readonly string[])[] {
  const rows = /^\| request .*\n.*\n((?:\|.*\n)+)/m.exec(page)?.[1] ?? ''
  return rows
    .trimEnd()
    .split('\n')
    .map((row) => row.slice(2, -2).split(' | '))
}

describe.each<[string, CreateShop, CreateShop]>([
  ['express-jwt', expressJwt, expressJwtAfter],
  ['express-oauth2-jwt-bearer', bearer, bearerAfter],
  ['koa-jwt', (settings) => koaJwt(settings).callback(), (settings) => koaJwtAfter(settings).callback()],
])('the page for those who come from %s', (name, before, after) => {
  const page = read(`docs/coming-from/${name}.md`)

  it('shows both programs as they are', () => {
    expect(sideOf(page, '+')).toBe(read(`examples/coming-from/${name}/before.ts`))
    expect(sideOf(page, '-')).toBe(read(`examples/coming-from/${name}/after.ts`))
  })

  it('says of each request what both programs answer', async () => {
    expect(tableOf(page)).toEqual(await compare(before, after))
  })
})

describe('on the way there', () => {
  it('express-jwt answers as before while ours observes in front of it', async () => {
    const observed: CreateShop = (settings) => {
      const observing = {
        origins: ['https://shop.example.com'],
        keys: fromFile(settings.agentsFile),
        mode: 'observe',
      } as const
      return express().use(countermark(observing)).use(expressJwt(settings))
    }
    const rows = await compare(expressJwt, observed)
    expect(rows.map(([, , observing]) => observing)).toEqual(rows.map(([, alone]) => alone))
  })

  it('each page has the same requests', () => {
    const requests = (name: string): readonly (string | undefined)[] =>
      tableOf(read(`docs/coming-from/${name}.md`)).map(([request]) => request)
    expect(requests('express-jwt').length).toBeGreaterThan(5)
    expect(requests('koa-jwt')).toEqual(requests('express-jwt'))
    expect(requests('express-oauth2-jwt-bearer')).toEqual(requests('express-jwt'))
  })
})
