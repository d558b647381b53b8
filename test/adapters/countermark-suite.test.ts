import { describeAdapter } from '@countermark/testing'
import { countermark as expressCountermark } from 'countermark/express'
import { countermark as koaCountermark } from 'countermark/koa'
import express from 'express'
import Koa from 'koa'
import { umbrellaUnderTest } from './countermark-adapter.ts'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'

const underExpress = umbrellaUnderTest(expressAdapter(express), expressCountermark)
const underKoa = umbrellaUnderTest(koaAdapter(Koa), koaCountermark)

describeAdapter('countermark on Express', underExpress.adapter, underExpress.createChecks)
describeAdapter('countermark on Koa', underKoa.adapter, underKoa.createChecks)
