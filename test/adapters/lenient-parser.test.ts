import { createServer } from 'node:http'
import { createGuard as createExpressGuard } from '@countermark/express'
import { createGuard as createKoaGuard } from '@countermark/koa'
import { sendRaw, startServer } from '@countermark/testing'
import express from 'express'
import Koa from 'koa'

const ORIGINS = { origins: ['api.example.com'] }
const APPS = [
  ['Express', () => express().use(createExpressGuard(ORIGINS)())],
  ['Koa', () => new Koa().use(createKoaGuard(ORIGINS)()).callback()],
] as const

describe.each(APPS)('a server with insecureHTTPParser: %s', (_name, createApp) => {
  it.each([
    ['two ways of framing', 'Content-Length: 2\r\nTransfer-Encoding: chunked'],
    ['a coding behind chunks', 'Transfer-Encoding: chunked, identity'],
  ])('refuses %s', async (_what, fields) => {
    const app = await startServer(createServer({ insecureHTTPParser: true }, createApp()))
    const head = `POST /x HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n${fields}\r\n\r\n`
    const response = await sendRaw(app.port, `${head}2\r\nhi\r\n0\r\n\r\n`)
    await app.close()
    expect([response.status, /"code":"(\w+)"/.exec(response.text)?.[1]]).toEqual([400, 'request_malformed'])
  })
})
