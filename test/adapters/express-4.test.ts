import { describeAdapter } from '@countermark/testing'
import express from 'express4'
import { expressAdapter } from './express-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

describeAdapter('Express 4', expressAdapter(express), createSignatureChecks)
describeAdapter('Express 4 behind createServer', expressAdapter(express, 'ours'), createSignatureChecks)
