"""CloudFormation types that moto lacks or whose properties it loses."""
