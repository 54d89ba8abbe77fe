"""What a template records of its jobs: ``job_metadata`` of the declaration, ``form`` of the schedules."""
