import { describeAdapter } from '@countermark/testing'
import Koa from 'koa'
import { koaAdapter } from './koa-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

describeAdapter('Koa 3', koaAdapter(Koa), createSignatureChecks)
