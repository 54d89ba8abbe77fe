"""The price of a month: per job and for the stack, from timetables, measured durations and own requests.

prices        list prices by Region, with their date
assumptions   everything that is not measured: requests of an operation, bytes of a line, a pass of the watchdog
month         the occurrences of a month
measured      durations, retries and skips of recent runs, from the ledger
usage         what a job, the watchdog and the stack use in a month
bill          usage times prices
"""
