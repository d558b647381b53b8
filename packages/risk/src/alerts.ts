export { type RiskAlerts, type WebhookAlertsOptions, webhookAlerts } from './alerts/webhook-alerts.ts'
