import type { KeySource } from '@countermark/core'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { httpSignatures, verifySignature } from '@countermark/signature'
import {
  type AdapterUnderTest,
  type RawResponse,
  type RequestToSign,
  rawRequest,
  type SignedRequest,
  sendRaw,
} from '@countermark/testing'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'
import { type GuardedApp, outcomeOf, useGuardedApps } from '../../packages/testing/src/adapters/guarded-app.ts'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

// What a signature is over, where the same bytes could be read in two ways, and what becomes of a second signature.

const TARGET = ['@method', '@authority', '@path', 'agent-id'] as const

function describeWhatIsSigned<Middleware>(name: string, adapter: AdapterUnderTest<Middleware>): void {
  describe(`what is signed behind ${name}`, () => {
    const start = useGuardedApps(adapter, createSignatureChecks)
    const startWithScheme = useGuardedApps(adapter, checksWithScheme)

    describe('a Cookie in several lines', () => {
      const split = (app: GuardedApp, cookie: string, lines: readonly string[]): Promise<RawResponse> =>
        app.send({
          headers: { cookie },
          components: [...TARGET, 'cookie'],
          tamper: {
            headerLines: (sent) => [
              ...sent.filter(([field]) => field.toLowerCase() !== 'cookie'),
              ...lines.map((line) => ['Cookie', line] as const),
            ],
          },
        })

      it('is what the handler reads: joined by semicolons', async () => {
        const app = await start()
        const response = await split(app, 'theme=a; role=user', ['theme=a', 'role=user'])
        expect([outcomeOf(response), app.runs[0]?.message.headers.cookie]).toEqual(['200', 'theme=a; role=user'])
      })

      it('cannot be made by cutting a value with a comma in two', async () => {
        const app = await start()
        expect(outcomeOf(await split(app, 'theme=a, role=admin', ['theme=a, role=admin']))).toBe('200')
        expect(outcomeOf(await split(app, 'theme=a, role=admin', ['theme=a', 'role=admin']))).toBe(
          '401 signature_invalid',
        )
      })
    })

    describe('the scheme, on a server that is https', () => {
      const signedFor = (scheme: 'http' | 'https', components: RequestToSign['components']): RequestToSign => ({
        scheme,
        ...(components === undefined ? {} : { components }),
      })

      it.each([
        ['@scheme', [...TARGET, '@scheme']],
        ['@target-uri', ['@method', '@target-uri', 'agent-id']],
      ])('is held against what the server is where %s is covered', async (_component, components) => {
        const app = await start()
        expect(outcomeOf(await app.send(signedFor('https', components)))).toBe('200')
        expect(outcomeOf(await app.send(signedFor('http', components)))).toBe('401 signature_invalid')
        expect(app.runs).toHaveLength(1)
      })

      it('is not signed unless it is covered, so nothing can be held against it', async () => {
        expect(outcomeOf(await (await start()).send(signedFor('http', TARGET)))).toBe('200')
      })

      it('must be covered where the service says so', async () => {
        const app = await startWithScheme()
        expect(outcomeOf(await app.send(signedFor('https', TARGET)))).toBe('401 coverage_insufficient')
        expect(outcomeOf(await app.send(signedFor('https', [...TARGET, '@scheme'])))).toBe('200')
        expect(outcomeOf(await app.send(signedFor('https', ['@method', '@target-uri', 'agent-id'])))).toBe('200')
        expect(outcomeOf(await app.send(signedFor('http', [...TARGET, '@scheme'])))).toBe('401 signature_invalid')
      })
    })

    describe('two signatures of which one covers too little', () => {
      const signTwice = async (app: GuardedApp): Promise<readonly [SignedRequest, SignedRequest]> => {
        const request: RequestToSign = { method: 'POST', target: '/x', headers: { 'idempotency-key': 'order-17' } }
        const full = await app.agent.signRequest({
          ...request,
          label: 'full',
          components: [...TARGET, 'idempotency-key'],
        })
        const short = await app.agent.signRequest({ ...request, label: 'short', components: TARGET })
        return [full, short]
      }
      const sendBoth = (app: GuardedApp, signed: readonly SignedRequest[]): Promise<RawResponse> => {
        const [first] = signed
        if (first === undefined) throw new Error('nothing to send')
        const isOfSignature = (field: string): boolean => /^signature(-input)?$/i.test(field)
        const signatures = signed.flatMap(({ headerLines }) => headerLines.filter(([field]) => isOfSignature(field)))
        const others = first.headerLines.filter(([field]) => !isOfSignature(field))
        return sendRaw(app.port, rawRequest({ ...first, headerLines: [...others, ...signatures] }))
      }
      const without = (signed: SignedRequest, name: string): Buffer =>
        rawRequest({ ...signed, headerLines: signed.headerLines.filter(([field]) => field.toLowerCase() !== name) })

      it('are good for one request, whichever comes first', async () => {
        const app = await start()
        const [full, short] = await signTwice(app)
        expect(outcomeOf(await sendBoth(app, [short, full]))).toBe('200')
        expect(outcomeOf(await sendBoth(app, [full, short]))).toBe('401 replay_detected')
      })

      it('cannot be taken apart afterwards: the short one is used up with the other', async () => {
        const app = await start()
        const [full, short] = await signTwice(app)
        expect(outcomeOf(await sendBoth(app, [full, short]))).toBe('200')
        expect(outcomeOf(await sendRaw(app.port, without(short, 'idempotency-key')))).toBe('401 replay_detected')
        expect(app.runs).toHaveLength(1)
      })

      it('cannot be used when the short one was taken apart before', async () => {
        const app = await start()
        const [full, short] = await signTwice(app)
        expect(outcomeOf(await sendRaw(app.port, without(short, 'idempotency-key')))).toBe('200')
        expect(outcomeOf(await sendBoth(app, [full, short]))).toBe('401 replay_detected')
      })

      it('prove nothing when the one that covers enough does not hold', async () => {
        const app = await start()
        const [full, short] = await signTwice(app)
        const broken = { ...full, headerLines: full.headerLines.map(breakSignature) }
        expect(outcomeOf(await sendBoth(app, [broken, short]))).toBe('401 signature_invalid')
        expect(outcomeOf(await sendRaw(app.port, rawRequest(short)))).toBe('401 coverage_insufficient')
      })
    })
  })
}

describeWhatIsSigned('Express 5', expressAdapter(express))
describeWhatIsSigned('Express 4', expressAdapter(express4))
describeWhatIsSigned('Koa 3', koaAdapter(Koa))
describeWhatIsSigned('Koa 2', koaAdapter(Koa2))

function checksWithScheme(keys: KeySource): ReturnType<typeof createSignatureChecks> {
  return {
    verify: verifySignature({ keys, accept: [httpSignatures({ coverage: { also: ['@scheme'] } })] }),
    once: preventReplay({ store: memoryReplayStore({ startedAt: 0 }) }),
  }
}

function breakSignature([field, value]: readonly [string, string]): readonly [string, string] {
  return field.toLowerCase() === 'signature'
    ? [field, `full=:${Buffer.alloc(64, 7).toString('base64')}:`]
    : [field, value]
}
