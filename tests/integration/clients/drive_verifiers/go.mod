module drive_verifiers

go 1.24
