import assert from 'node:assert/strict'
import { type CreateShop, compare } from './compare.ts'
import { createApp as expressJwtAfter } from './express-jwt/after.ts'
import { createApp as expressJwt } from './express-jwt/before.ts'
import { createApp as bearerAfter } from './express-oauth2-jwt-bearer/after.ts'
import { createApp as bearer } from './express-oauth2-jwt-bearer/before.ts'
import { createApp as koaJwtAfter } from './koa-jwt/after.ts'
import { createApp as koaJwt } from './koa-jwt/before.ts'

// Both programs of each pair get the same requests. Programs of Koa hand over their handler by `callback()`.
const pairs: Readonly<Record<string, readonly [CreateShop, CreateShop]>> = {
  'express-jwt': [expressJwt, expressJwtAfter],
  'express-oauth2-jwt-bearer': [bearer, bearerAfter],
  'koa-jwt': [(settings) => koaJwt(settings).callback(), (settings) => koaJwtAfter(settings).callback()],
}

process.env['NODE_ENV'] = 'test' // Express prints no stack of what express-jwt throws, and we tell no developer
for (const [name, [before, after]] of Object.entries(pairs)) {
  const rows = await compare(before, after)
  console.log(`\n${name}`)
  for (const [request, first, second] of rows) console.log(`  ${request.padEnd(42)}${first.padEnd(24)}${second}`)
  const admitted = (answers: readonly string[]): number => answers.filter((answer) => answer === '201').length
  assert.equal(admitted(rows.map(([, , second]) => second)), 1)
}
