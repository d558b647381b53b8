import { type AdapterUnderTest, problemOf, type RequestToSign, useGuardedApps } from '@countermark/testing'
import express from 'express'
import Koa from 'koa'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

describeAttacker('Express', expressAdapter(express))
describeAttacker('Koa', koaAdapter(Koa))

function describeAttacker<Middleware>(name: string, adapter: AdapterUnderTest<Middleware>): void {
  describe(`an attacker of ${name}`, () => {
    const start = useGuardedApps(adapter, createSignatureChecks)
    const forged = { tamper: { signature: (bytes: Uint8Array) => bytes.map((byte) => byte ^ 1) } }

    it.each<[string, RequestToSign]>([
      ['a signature', {}],
      ['the algorithm of the key', { alg: 'ed25519' }],
      ['another algorithm', { alg: 'ecdsa-p256-sha256' }],
      ['yet another algorithm', { alg: 'rsa-pss-sha512' }],
      ['a simple signature', { form: 'simple-v1' }],
      ['a body', { method: 'POST', body: '{"amount":4200}' }],
      ['a Web Bot Auth signature', { tag: 'web-bot-auth', components: ['@authority'] }],
    ])('cannot learn with %s which agents and keys exist, where errorDetail is minimal', async (_what, request) => {
      const app = await start({ options: { errorDetail: 'minimal' } })
      const known = await app.send({ ...request, ...forged })
      const unknown = await app.send({ ...request, ...forged, agentId: 'agt_nobody', keyId: 'nobody-knows-me' })
      expect([known.status, comparable(known)]).toEqual([401, comparable(unknown)])
    })
  })
}

function comparable(response: Parameters<typeof problemOf>[0]): unknown {
  const { instance: _instance, request_id: _id, ...problem } = problemOf(response)
  return { problem, challenges: response.headerLines.filter(([name]) => name !== 'Date') }
}
