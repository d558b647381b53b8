import { createGuard } from '@countermark/koa'
import { describeGuardOptions } from '../../../test/support/describe-guard-options.ts'

describeGuardOptions(createGuard, 'next')
