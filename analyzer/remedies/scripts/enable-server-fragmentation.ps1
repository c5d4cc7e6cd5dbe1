<#
.SYNOPSIS
Switches IKEv2 fragmentation (RFC 7383) on for a Windows VPN server (RRAS), or off again. Asks before it acts.

.DESCRIPTION
Windows Server accepts IKE fragmentation from clients only if the registry says so. Without it a large IKE_AUTH
message travels in IP fragments, which many firewalls, routers and load balancers drop (error 809 at the client).

The script shows the value as it is, sets it if you agree, shows it again, and offers to restart the service
RemoteAccess, which makes it active. THE RESTART DISCONNECTS ALL CONNECTED VPN CLIENTS: without your yes it is left
for later. Each question counts as No unless you type y or yes: run it and press Enter to see what it would do.

It changes one value, EnableServerFragmentation (DWORD 1), below
HKLM:\SYSTEM\CurrentControlSet\Services\RemoteAccess\Parameters\Ikev2. With -Undo it removes that value.

.PARAMETER Undo
The way back: removes the value, so that the server no longer accepts IKE fragmentation (the default of Windows).

.EXAMPLE
powershell.exe -ExecutionPolicy Bypass -File .\enable-server-fragmentation.ps1

Run it on the VPN server, in PowerShell as administrator.

.EXAMPLE
powershell.exe -ExecutionPolicy Bypass -File .\enable-server-fragmentation.ps1 -Undo

.NOTES
For Windows Server, version 1803 (build 17134), 2019 and later. Server 2016 and older do not know the value.
Windows PowerShell 5.1 or later.

Exit codes:
  0  the value is as wanted: it was so before, or RemoteAccess has been restarted since
  1  you said no: nothing was changed
  2  not possible here (no administrator, no RemoteAccess service, Windows too old): nothing was changed
  3  the value is as wanted, but counts only when RemoteAccess is restarted or started
  4  something failed on the way; the message says what

.LINK
https://directaccess.richardhicks.com/2019/02/11/always-on-vpn-and-ikev2-fragmentation/
#>

[CmdletBinding()]
param(
    [switch]$Undo
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

$Key = 'HKLM:\SYSTEM\CurrentControlSet\Services\RemoteAccess\Parameters\Ikev2'
$Name = 'EnableServerFragmentation'
$ServiceName = 'RemoteAccess'
$FirstBuild = 17134

function Get-Setting {
    # The value, or nothing where it is not set (or its key is missing).
    $item = Get-ItemProperty -LiteralPath $Key -Name $Name -ErrorAction SilentlyContinue
    if ($null -ne $item) { $item.$Name }
}

function Test-IsOn {
    param($Value)
    ($Value -is [int]) -and ($Value -eq 1)
}

function Show-State {
    param([string]$When)
    $value = Get-Setting
    $shown = "'$value'"
    if ($null -eq $value) { $shown = 'not set' }
    $meaning = 'off'
    if (Test-IsOn $value) { $meaning = 'on' }
    Write-Host "${When}: $Name is $shown, so IKE fragmentation is $meaning."
    $service = Get-Service -Name $ServiceName -ErrorAction SilentlyContinue
    if ($null -ne $service) { Write-Host "${When}: the service $ServiceName is $($service.Status)." }
}

function Confirm-Step {
    # Yes only if somebody types it: an empty line, anything else and a console that cannot ask are a No.
    param([string]$Question)
    try {
        $answer = Read-Host -Prompt "$Question [y/N]"
    }
    catch {
        $answer = ''
    }
    "$answer".Trim() -match '^(y|yes)$'
}

function Get-Obstacle {
    # Why it cannot be done on this computer, or nothing.
    $identity = [System.Security.Principal.WindowsIdentity]::GetCurrent()
    $principal = New-Object -TypeName System.Security.Principal.WindowsPrincipal -ArgumentList $identity
    if (-not $principal.IsInRole([System.Security.Principal.WindowsBuiltInRole]::Administrator)) {
        return 'run it in PowerShell as administrator.'
    }
    $system = Get-CimInstance -ClassName Win32_OperatingSystem
    $release = "$($system.Caption), build $($system.BuildNumber)"
    if ($system.ProductType -eq 1) {
        return "this is $release, no Windows Server. Run it on the VPN server (RRAS)."
    }
    if ([int]$system.BuildNumber -lt $FirstBuild) {
        return "this is $release. IKE fragmentation came with Server 1803 and 2019 (build $FirstBuild)."
    }
    if ($null -eq (Get-Service -Name $ServiceName -ErrorAction SilentlyContinue)) {
        return "there is no service $ServiceName. Is this the VPN server (RRAS)?"
    }
}

try {
    $obstacle = Get-Obstacle
    if ($null -ne $obstacle) {
        Write-Host "Not possible here: $obstacle"
        Write-Host 'Nothing was changed.'
        exit 2
    }
    Show-State 'Now'

    # The value.
    if ($Undo) {
        $isWanted = $null -eq (Get-Setting)
        $action = "Remove $Name"
    }
    else {
        $isWanted = Test-IsOn (Get-Setting)
        $action = "Set $Name to 1"
    }
    if ($isWanted) {
        Write-Host 'The value is as wanted: there is nothing to set.'
    }
    else {
        if (-not (Confirm-Step "$action below ${Key}?")) {
            Write-Host 'Nothing was changed.'
            exit 1
        }
        if ($Undo) {
            Remove-ItemProperty -LiteralPath $Key -Name $Name
        }
        else {
            if (-not (Test-Path -LiteralPath $Key)) {
                # Without -Force: with it New-Item would empty a key that is there.
                New-Item -Path $Key | Out-Null
            }
            New-ItemProperty -LiteralPath $Key -Name $Name -PropertyType DWord -Value 1 -Force | Out-Null
        }
        Show-State 'After'
        if (-not $Undo) {
            Write-Host 'The way back: this script with -Undo, or, and then the restart:'
            Write-Host "  Remove-ItemProperty -Path '$Key' -Name $Name"
        }
    }

    # The restart that makes it count.
    if ((Get-Service -Name $ServiceName).Status -ne 'Running') {
        Write-Host "$ServiceName is not running: the value counts from its next start. It is not started here."
        exit 3
    }
    Write-Host "The value counts when $ServiceName has been restarted since it was set."
    Write-Host 'THE RESTART DISCONNECTS ALL CONNECTED VPN CLIENTS.'
    $isRestarted = Confirm-Step "Restart $ServiceName now and disconnect them?"
    if ($isRestarted) {
        Restart-Service -Name $ServiceName -Force
        Show-State 'After the restart'
    }
    else {
        Write-Host 'Not restarted. Later, when it suits:'
        Write-Host "  Restart-Service -Name $ServiceName -Force"
    }
    if (-not $Undo) {
        Write-Host 'To verify: capture a new attempt. Notify 16430 must stand in the IKE_SA_INIT response'
        Write-Host '(ike-analyzer validate --server TRACE). If it does not after a restart of the service,'
        Write-Host 'restart the computer and capture again.'
    }
    if ($isRestarted -or $isWanted) { exit 0 }
    exit 3
}
catch {
    Write-Host "Failed: $($_.Exception.Message)"
    Show-State 'Now'
    Write-Host "If the service should be running: Start-Service -Name $ServiceName"
    exit 4
}
