"""AWS's APIs as moto lacks them: Scheduler, EventBridge, SQS, SNS and IAM. Lambda's are in ``lambda_api``."""
