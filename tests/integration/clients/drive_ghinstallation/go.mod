module drive_ghinstallation

go 1.13
