import { describeAdapter } from '@countermark/testing'
import express from 'express'
import { expressAdapter } from './express-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

describeAdapter('Express 5', expressAdapter(express), createSignatureChecks)
describeAdapter('Express 5 behind createServer', expressAdapter(express, 'ours'), createSignatureChecks)
