"""Patches of moto for the APIs of Scheduler, EventBridge, SQS, SNS and IAM. Lambda's are in ``lambda_api``."""
