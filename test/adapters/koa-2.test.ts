import { describeAdapter } from '@countermark/testing'
import Koa from 'koa2'
import { koaAdapter } from './koa-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

describeAdapter('Koa 2', koaAdapter(Koa), createSignatureChecks)
