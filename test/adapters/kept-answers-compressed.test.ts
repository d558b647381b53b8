import { Readable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { idempotency, memoryAnswers } from '@countermark/idempotency'
import type { AdapterUnderTest, RawResponse } from '@countermark/testing'
import compression from 'compression'
import express, { type RequestHandler } from 'express'
import express4 from 'express4'
import Koa, { type Middleware } from 'koa'
import compress from 'koa-compress'
import Koa2 from 'koa2'
import { useGuardedApps } from '../../packages/testing/src/adapters/guarded-app.ts'
import { aRefund } from './capability-world.ts'
import { expressAdapter } from './express-adapter.ts'
import { EXPRESS_STEP, KOA_STEP, type WithIdempotency } from './idempotent-step.ts'
import { koaAdapter } from './koa-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

const TEXT = 'a long answer '.repeat(200)

const EXPRESS: Pieces<RequestHandler> = {
  compress: () => compression(),
  answer: (_req, res) => {
    res.type('text')
    res.write(TEXT.slice(0, 10))
    res.end(TEXT.slice(10))
  },
}
const KOA: Pieces<Middleware> = {
  compress: () => compress(),
  answer: (ctx) => {
    ctx.type = 'text'
    ctx.body = Readable.from([TEXT.slice(0, 10), TEXT.slice(10)])
    ctx.compress = true
  },
}

describeCompressed('Express 5', expressAdapter(express), EXPRESS_STEP, EXPRESS)
describeCompressed('Express 4', expressAdapter(express4), EXPRESS_STEP, EXPRESS)
describeCompressed('Koa 3', koaAdapter(Koa), KOA_STEP, KOA)
describeCompressed('Koa 2', koaAdapter(Koa2), KOA_STEP, KOA)

/** Writes the answer in pieces, as the framework's users do. */
interface Pieces<Middleware> {
  readonly compress: () => Middleware
  readonly answer: Middleware
}

function describeCompressed<Middleware>(
  name: string,
  adapter: AdapterUnderTest<Middleware>,
  withKeys: WithIdempotency<Middleware>,
  { compress, answer }: Pieces<Middleware>,
): void {
  describe(`kept answers and compression on ${name}`, () => {
    const start = useGuardedApps(adapter, createSignatureChecks)

    async function ask(place: 'in front' | 'behind', ...accepted: readonly string[]): Promise<readonly RawResponse[]> {
      const idempotent = idempotency({ store: memoryAnswers() })
      const app = await start({
        build: ({ app, guard, checks }) => {
          if (place === 'in front') app.use(compress())
          app.use(guard(checks.verify, checks.once))
          app.route(
            'post',
            '/refunds',
            withKeys(idempotent, guard),
            ...(place === 'behind' ? [compress()] : []),
            answer,
          )
        },
      })
      const answers: RawResponse[] = []
      for (const encoding of accepted) {
        answers.push(await app.send(aRefund({}, { 'Idempotency-Key': 'k', 'Accept-Encoding': encoding })))
      }
      return answers
    }

    it.each(['in front', 'behind'] as const)(
      'gives the answer again in the encoding that is asked for: %s',
      async (place) => {
        const answers = await ask(place, 'gzip', 'gzip', 'identity', 'gzip;q=0, br;q=0')
        expect(answers.map(readText)).toEqual([TEXT, TEXT, TEXT, TEXT])
        expect(answers.map(({ header }) => header('content-encoding'))).toEqual(['gzip', 'gzip', undefined, undefined])
        expect(answers.map(({ header }) => header('idempotent-replayed'))).toEqual([undefined, 'true', 'true', 'true'])
      },
    )

    it('keeps what the handler wrote where the first request took no encoding', async () => {
      const answers = await ask('in front', 'identity', 'identity')
      expect(answers.map(readText)).toEqual([TEXT, TEXT])
    })
  })
}

function readText({ header, body }: RawResponse): string {
  return (header('content-encoding') === 'gzip' ? gunzipSync(body) : body).toString()
}
