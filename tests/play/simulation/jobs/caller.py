"""Jobs that are only triggered, and call AWS like any handler."""

import boto3

from cronstack import Run, job


@job(timeout=30)
def caller(run: Run) -> dict[str, object]:
    s3 = boto3.client("s3")
    name = f"bucket-{run.fence}"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="note", Body=b"written in virtual time")
    found = s3.list_objects_v2(Bucket=name)["Contents"][0]
    return {"bucket": name, "modified": found["LastModified"].isoformat()}


@job(timeout=30)
def committer(run: Run) -> None:
    """Commit a write and the end of the run in one transaction."""
    update = {
        "TableName": "effects",
        "Key": {"id": {"S": run.occurrence}},
        "UpdateExpression": "ADD times :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    if run.input.get("refused"):
        update["ConditionExpression"] = "attribute_exists(id)"
    run.commit({"Update": update})


@job(timeout=60, retries=0)
def talker(run: Run) -> dict[str, float]:
    """Print, wait in asyncio, and call AWS from a thread."""
    import asyncio
    import time
    from concurrent.futures import ThreadPoolExecutor

    print("printed, and", end=" ")
    print("logged")
    began = time.time()

    async def wait() -> None:
        await asyncio.gather(asyncio.sleep(20), asyncio.sleep(10))

    asyncio.run(wait())
    with ThreadPoolExecutor(1) as pool:
        buckets = pool.submit(lambda: boto3.client("s3").list_buckets()["Buckets"]).result()
    return {"slept": time.time() - began, "buckets": len(buckets)}
